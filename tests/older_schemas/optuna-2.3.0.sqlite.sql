BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v1.3.0.a');
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
INSERT INTO "trial_params" VALUES(1,1,'u',2.21331468686463361805e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(2,1,'l',1.63351959289985963113e-04,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(3,1,'d',0.25,'{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO "trial_params" VALUES(4,1,'i',4.0,'{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}');
INSERT INTO "trial_params" VALUES(5,1,'c',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO "trial_params" VALUES(6,1,'il',1.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(7,1,'is',5.0,'{"name": "IntUniformDistribution", "attributes": {"low": 0, "high": 10, "step": 5}}');
INSERT INTO "trial_params" VALUES(8,1,'f',5.07001704195634506078e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(9,2,'u',-4.19609546159673829635e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(10,3,'u',4.72310126744587277514e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(11,4,'u',5.13843867974012935562e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(12,5,'u',-2.76004723813753072292e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(13,5,'l',4.56137269847869269729e-04,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(14,5,'d',0.0,'{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO "trial_params" VALUES(15,5,'i',5.0,'{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}');
INSERT INTO "trial_params" VALUES(16,5,'c',4.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO "trial_params" VALUES(17,5,'il',1.0,'{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 64, "step": 1}}');
INSERT INTO "trial_params" VALUES(18,5,'is',5.0,'{"name": "IntUniformDistribution", "attributes": {"low": 0, "high": 10, "step": 5}}');
INSERT INTO "trial_params" VALUES(19,5,'f',1.24806861326784868104e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(20,6,'u',1.4562565825556639254e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(21,7,'x',9.56851165079906751387e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(22,8,'u',7.04469107412763140274e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
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
INSERT INTO "trial_system_attributes" VALUES(2,2,'fail_reason','"Trial 1 failed because of the following error: ValueError(''fails'')"');
INSERT INTO "trial_system_attributes" VALUES(3,4,'fail_reason','"Trial 3 failed, because the objective function returned nan."');
INSERT INTO "trial_system_attributes" VALUES(4,5,'of the system','[4]');
INSERT INTO "trial_system_attributes" VALUES(5,9,'fixed_params','{"u": 0.5}');
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
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	value FLOAT, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id), 
	CONSTRAINT trialstate CHECK (state IN ('RUNNING', 'COMPLETE', 'PRUNED', 'FAIL', 'WAITING'))
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE',0.0,'2026-11-21 02:59:06.862815','2026-11-21 02:59:07.374804');
INSERT INTO "trials" VALUES(2,1,1,'FAIL',NULL,'2026-11-21 02:59:07.448470','2026-11-21 02:59:07.606741');
INSERT INTO "trials" VALUES(3,2,1,'PRUNED',3.00000000000000044408e-01,'2026-11-21 02:59:07.641151','2026-11-21 02:59:07.767096');
INSERT INTO "trials" VALUES(4,3,1,'FAIL',NULL,'2026-11-21 02:59:07.809767','2026-11-21 02:59:07.978781');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE',9e999,'2026-11-21 02:59:08.017416','2026-11-21 02:59:08.298798');
INSERT INTO "trials" VALUES(6,5,1,'COMPLETE',-1.0e+20,'2026-11-21 02:59:08.354160','2026-11-21 02:59:08.538812');
INSERT INTO "trials" VALUES(7,0,2,'COMPLETE',9.56851165079906751387e-01,'2026-11-21 02:59:08.702030','2026-11-21 02:59:08.784763');
INSERT INTO "trials" VALUES(8,6,1,'COMPLETE',2.0,'2026-11-21 02:59:08.853570','2026-11-21 02:59:08.974890');
INSERT INTO "trials" VALUES(9,7,1,'WAITING',NULL,'2026-11-21 02:59:09.050296',NULL);
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'2.3.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
COMMIT;
