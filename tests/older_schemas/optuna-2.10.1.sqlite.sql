BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v2.6.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'first');
INSERT INTO "studies" VALUES(2,'second');
INSERT INTO "studies" VALUES(3,'several');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MINIMIZE',2,0);
INSERT INTO "study_directions" VALUES(3,'MINIMIZE',3,0);
INSERT INTO "study_directions" VALUES(4,'MAXIMIZE',3,1);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_system_attributes" VALUES(1,1,'what','{"a": [1]}');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'who','"me"');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,0,1.5);
INSERT INTO "trial_intermediate_values" VALUES(2,1,10,3.00000000000000044408e-01);
INSERT INTO "trial_intermediate_values" VALUES(3,2,0,2.5);
INSERT INTO "trial_intermediate_values" VALUES(4,2,10,3.00000000000000044408e-01);
INSERT INTO "trial_intermediate_values" VALUES(5,3,0,3.5);
INSERT INTO "trial_intermediate_values" VALUES(6,3,10,3.00000000000000044408e-01);
INSERT INTO "trial_intermediate_values" VALUES(7,4,0,4.5);
INSERT INTO "trial_intermediate_values" VALUES(8,4,10,3.00000000000000044408e-01);
INSERT INTO "trial_intermediate_values" VALUES(9,5,0,5.5);
INSERT INTO "trial_intermediate_values" VALUES(10,5,10,3.00000000000000044408e-01);
INSERT INTO "trial_intermediate_values" VALUES(11,5,11,9e999);
INSERT INTO "trial_intermediate_values" VALUES(12,5,12,-9e999);
INSERT INTO "trial_intermediate_values" VALUES(13,6,0,6.5);
INSERT INTO "trial_intermediate_values" VALUES(14,6,10,3.00000000000000044408e-01);
INSERT INTO "trial_intermediate_values" VALUES(15,6,11,1.0e+30);
INSERT INTO "trial_intermediate_values" VALUES(16,8,0,7.5);
INSERT INTO "trial_intermediate_values" VALUES(17,8,10,3.00000000000000044408e-01);
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'u',1.18793091160530384087e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(2,1,'l',9.19851140166288e-05,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(3,1,'d',0.0,'{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO "trial_params" VALUES(4,1,'i',6.0,'{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}');
INSERT INTO "trial_params" VALUES(5,1,'c',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO "trial_params" VALUES(6,1,'il',39.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(7,1,'is',0.0,'{"name": "IntUniformDistribution", "attributes": {"low": 0, "high": 10, "step": 5}}');
INSERT INTO "trial_params" VALUES(8,1,'f',3.9710992758353669263e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(9,2,'u',-2.48716016581608245772e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(10,3,'u',-9.82157411806126257047e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(11,4,'u',-3.50595126232932097209e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(12,5,'u',-7.36027912936079831141e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(13,5,'l',1.45029718458038636708e-01,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(14,5,'d',1.0,'{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO "trial_params" VALUES(15,5,'i',8.0,'{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}');
INSERT INTO "trial_params" VALUES(16,5,'c',4.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO "trial_params" VALUES(17,5,'il',13.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(18,5,'is',10.0,'{"name": "IntUniformDistribution", "attributes": {"low": 0, "high": 10, "step": 5}}');
INSERT INTO "trial_params" VALUES(19,5,'f',6.08871637461911197064e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(20,6,'u',1.32967058340857091636e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(21,7,'x',1.78146659856381894826e-03,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(22,8,'u',0.636497780614917,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(23,10,'x',5.99370375786785092309e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(24,11,'x',8.29546320057422681415e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'of the system','[0]');
INSERT INTO "trial_system_attributes" VALUES(2,5,'of the system','[4]');
INSERT INTO "trial_system_attributes" VALUES(3,9,'fixed_params','{"u": 0.5}');
INSERT INTO "trial_system_attributes" VALUES(4,10,'nsga2:generation','0');
INSERT INTO "trial_system_attributes" VALUES(5,11,'nsga2:generation','0');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'note','{"number": 0, "text": "\u00fc''\"%s:x;"}');
INSERT INTO "trial_user_attributes" VALUES(2,5,'note','{"number": 4, "text": "\u00fc''\"%s:x;"}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,0.0);
INSERT INTO "trial_values" VALUES(2,3,0,3.00000000000000044408e-01);
INSERT INTO "trial_values" VALUES(3,5,0,9e999);
INSERT INTO "trial_values" VALUES(4,6,0,-1.0e+20);
INSERT INTO "trial_values" VALUES(5,7,0,1.78146659856381894826e-03);
INSERT INTO "trial_values" VALUES(6,8,0,2.0);
INSERT INTO "trial_values" VALUES(7,10,0,5.99370375786785092309e-01);
INSERT INTO "trial_values" VALUES(8,10,1,0.0);
INSERT INTO "trial_values" VALUES(9,11,0,8.29546320057422681415e-01);
INSERT INTO "trial_values" VALUES(10,11,1,1.0);
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-21 02:59:21.270618','2026-11-21 02:59:21.814820');
INSERT INTO "trials" VALUES(2,1,1,'FAIL','2026-11-21 02:59:21.893916','2026-11-21 02:59:22.042594');
INSERT INTO "trials" VALUES(3,2,1,'PRUNED','2026-11-21 02:59:22.089006','2026-11-21 02:59:22.254881');
INSERT INTO "trials" VALUES(4,3,1,'FAIL','2026-11-21 02:59:22.297220','2026-11-21 02:59:22.462969');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2026-11-21 02:59:22.494107','2026-11-21 02:59:23.178970');
INSERT INTO "trials" VALUES(6,5,1,'COMPLETE','2026-11-21 02:59:23.258001','2026-11-21 02:59:23.478969');
INSERT INTO "trials" VALUES(7,0,2,'COMPLETE','2026-11-21 02:59:23.748036','2026-11-21 02:59:23.845398');
INSERT INTO "trials" VALUES(8,6,1,'COMPLETE','2026-11-21 02:59:23.960861','2026-11-21 02:59:24.132503');
INSERT INTO "trials" VALUES(9,7,1,'RUNNING','2026-11-21 02:59:24.293540',NULL);
INSERT INTO "trials" VALUES(10,0,3,'COMPLETE','2026-11-21 02:59:24.509291','2026-11-21 02:59:24.646687');
INSERT INTO "trials" VALUES(11,1,3,'COMPLETE','2026-11-21 02:59:24.693800','2026-11-21 02:59:24.830813');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'2.10.1');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
COMMIT;
