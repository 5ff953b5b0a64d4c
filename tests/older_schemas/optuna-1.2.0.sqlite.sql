BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v1.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	PRIMARY KEY (study_id), 
	CONSTRAINT studydirection CHECK (direction IN ('NOT_SET', 'MINIMIZE', 'MAXIMIZE'))
);
INSERT INTO "studies" VALUES(1,'first','MAXIMIZE');
INSERT INTO "studies" VALUES(2,'second','MINIMIZE');
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
INSERT INTO "trial_params" VALUES(1,1,'u',-0.420891006730542,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(2,1,'l',1.87047101445988300464e-07,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(3,1,'d',0.0,'{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO "trial_params" VALUES(4,1,'i',1.0,'{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(5,1,'c',4.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO "trial_params" VALUES(6,2,'u',0.233102809246591,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(7,3,'u',8.97084807242438886376e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(8,4,'u',-7.74491359703341153419e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(9,5,'u',5.19796875797890134407e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(10,5,'l',7.42754202860029105748e-04,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(11,5,'d',0.25,'{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO "trial_params" VALUES(12,5,'i',9.0,'{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(13,5,'c',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO "trial_params" VALUES(14,6,'u',8.65212683528315595893e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(15,7,'x',5.89138376510980776856e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(16,8,'u',9.15538929076615826119e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json VARCHAR(2048), 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'_number','0');
INSERT INTO "trial_system_attributes" VALUES(2,1,'of the system','[0]');
INSERT INTO "trial_system_attributes" VALUES(3,2,'_number','1');
INSERT INTO "trial_system_attributes" VALUES(4,2,'fail_reason','"Setting status of trial#1 as TrialState.FAIL because of the following error: ValueError(''fails'')"');
INSERT INTO "trial_system_attributes" VALUES(5,3,'_number','2');
INSERT INTO "trial_system_attributes" VALUES(6,4,'_number','3');
INSERT INTO "trial_system_attributes" VALUES(7,4,'fail_reason','"Setting status of trial#3 as TrialState.FAIL because the objective function returned nan."');
INSERT INTO "trial_system_attributes" VALUES(8,5,'_number','4');
INSERT INTO "trial_system_attributes" VALUES(9,5,'of the system','[4]');
INSERT INTO "trial_system_attributes" VALUES(10,6,'_number','5');
INSERT INTO "trial_system_attributes" VALUES(11,7,'_number','0');
INSERT INTO "trial_system_attributes" VALUES(12,8,'_number','6');
INSERT INTO "trial_system_attributes" VALUES(13,9,'fixed_params','{"u": 0.5}');
INSERT INTO "trial_system_attributes" VALUES(14,9,'_number','7');
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
	trial_id INTEGER, 
	step INTEGER, 
	value FLOAT, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,1.5);
INSERT INTO "trial_values" VALUES(2,1,10,3.00000000000000044408e-01);
INSERT INTO "trial_values" VALUES(3,2,0,2.5);
INSERT INTO "trial_values" VALUES(4,2,10,3.00000000000000044408e-01);
INSERT INTO "trial_values" VALUES(5,3,0,3.5);
INSERT INTO "trial_values" VALUES(6,3,10,3.00000000000000044408e-01);
INSERT INTO "trial_values" VALUES(7,4,0,4.5);
INSERT INTO "trial_values" VALUES(8,4,10,3.00000000000000044408e-01);
INSERT INTO "trial_values" VALUES(9,5,0,5.5);
INSERT INTO "trial_values" VALUES(10,5,10,3.00000000000000044408e-01);
INSERT INTO "trial_values" VALUES(11,5,11,9e999);
INSERT INTO "trial_values" VALUES(12,5,12,-9e999);
INSERT INTO "trial_values" VALUES(13,6,0,6.5);
INSERT INTO "trial_values" VALUES(14,6,10,3.00000000000000044408e-01);
INSERT INTO "trial_values" VALUES(15,6,11,1.0e+30);
INSERT INTO "trial_values" VALUES(16,8,0,7.5);
INSERT INTO "trial_values" VALUES(17,8,10,3.00000000000000044408e-01);
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	value FLOAT, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id), 
	CONSTRAINT trialstate CHECK (state IN ('RUNNING', 'COMPLETE', 'PRUNED', 'FAIL', 'WAITING'))
);
INSERT INTO "trials" VALUES(1,1,'COMPLETE',0.0,'2026-11-21 02:58:59.468086','2026-11-21 02:59:00.125537');
INSERT INTO "trials" VALUES(2,1,'FAIL',NULL,'2026-11-21 02:59:00.169799','2026-11-21 02:59:00.419931');
INSERT INTO "trials" VALUES(3,1,'PRUNED',3.00000000000000044408e-01,'2026-11-21 02:59:00.572725','2026-11-21 02:59:00.831902');
INSERT INTO "trials" VALUES(4,1,'FAIL',NULL,'2026-11-21 02:59:00.978022','2026-11-21 02:59:01.372011');
INSERT INTO "trials" VALUES(5,1,'COMPLETE',9e999,'2026-11-21 02:59:01.423908','2026-11-21 02:59:02.124063');
INSERT INTO "trials" VALUES(6,1,'COMPLETE',-1.0e+20,'2026-11-21 02:59:02.182132','2026-11-21 02:59:02.503789');
INSERT INTO "trials" VALUES(7,2,'COMPLETE',5.89138376510980776856e-01,'2026-11-21 02:59:02.658756','2026-11-21 02:59:02.899657');
INSERT INTO "trials" VALUES(8,1,'COMPLETE',2.0,'2026-11-21 02:59:02.980537','2026-11-21 02:59:03.366602');
INSERT INTO "trials" VALUES(9,1,'WAITING',NULL,'2026-11-21 02:59:03.412123',NULL);
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'1.2.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
COMMIT;
