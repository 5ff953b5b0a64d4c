BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v2.4.0.a');
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
	CONSTRAINT studydirection CHECK (direction IN ('NOT_SET', 'MINIMIZE', 'MAXIMIZE')), 
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
	value_json VARCHAR(2048), 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_system_attributes" VALUES(1,1,'what','{"a": [1]}');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json VARCHAR(2048), 
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
	distribution_json VARCHAR(2048), 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'u',-7.94007837606681254882e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(2,1,'l',2.2032359195262759253e-04,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(3,1,'d',0.5,'{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO "trial_params" VALUES(4,1,'i',1.0,'{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}');
INSERT INTO "trial_params" VALUES(5,1,'c',4.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO "trial_params" VALUES(6,1,'il',8.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(7,1,'is',10.0,'{"name": "IntUniformDistribution", "attributes": {"low": 0, "high": 10, "step": 5}}');
INSERT INTO "trial_params" VALUES(8,1,'f',7.43096862516332556936e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(9,2,'u',-9.73219134198918256473e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(10,3,'u',-2.26642209833971763899e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(11,4,'u',-1.55407169864354210986e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(12,5,'u',0.551519465554275,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(13,5,'l',2.17244019402178108711e-05,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(14,5,'d',0.5,'{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO "trial_params" VALUES(15,5,'i',9.0,'{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}');
INSERT INTO "trial_params" VALUES(16,5,'c',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO "trial_params" VALUES(17,5,'il',51.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(18,5,'is',5.0,'{"name": "IntUniformDistribution", "attributes": {"low": 0, "high": 10, "step": 5}}');
INSERT INTO "trial_params" VALUES(19,5,'f',7.27545920317218430817e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(20,6,'u',-6.04492925176446815882e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(21,7,'x',4.34637369873423051735e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(22,8,'u',-1.60395757038314767939e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(23,10,'x',4.43826742114699412944e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(24,11,'x',2.724928732843548973e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json VARCHAR(2048), 
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
	value_json VARCHAR(2048), 
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
INSERT INTO "trial_values" VALUES(5,7,0,4.34637369873423051735e-01);
INSERT INTO "trial_values" VALUES(6,8,0,2.0);
INSERT INTO "trial_values" VALUES(7,10,0,4.43826742114699412944e-01);
INSERT INTO "trial_values" VALUES(8,10,1,0.0);
INSERT INTO "trial_values" VALUES(9,11,0,2.724928732843548973e-01);
INSERT INTO "trial_values" VALUES(10,11,1,1.0);
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id), 
	CONSTRAINT trialstate CHECK (state IN ('RUNNING', 'COMPLETE', 'PRUNED', 'FAIL', 'WAITING'))
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-21 02:59:13.575365','2026-11-21 02:59:14.083199');
INSERT INTO "trials" VALUES(2,1,1,'FAIL','2026-11-21 02:59:14.157943','2026-11-21 02:59:14.338876');
INSERT INTO "trials" VALUES(3,2,1,'PRUNED','2026-11-21 02:59:14.370115','2026-11-21 02:59:14.522724');
INSERT INTO "trials" VALUES(4,3,1,'FAIL','2026-11-21 02:59:14.561531','2026-11-21 02:59:14.710060');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2026-11-21 02:59:14.757864','2026-11-21 02:59:15.385256');
INSERT INTO "trials" VALUES(6,5,1,'COMPLETE','2026-11-21 02:59:15.486578','2026-11-21 02:59:15.686964');
INSERT INTO "trials" VALUES(7,0,2,'COMPLETE','2026-11-21 02:59:15.926007','2026-11-21 02:59:16.014810');
INSERT INTO "trials" VALUES(8,6,1,'COMPLETE','2026-11-21 02:59:16.111209','2026-11-21 02:59:16.274954');
INSERT INTO "trials" VALUES(9,7,1,'RUNNING','2026-11-21 02:59:16.347980',NULL);
INSERT INTO "trials" VALUES(10,0,3,'COMPLETE','2026-11-21 02:59:16.601692','2026-11-21 02:59:16.722946');
INSERT INTO "trials" VALUES(11,1,3,'COMPLETE','2026-11-21 02:59:16.775253','2026-11-21 02:59:16.886982');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'2.5.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
COMMIT;
