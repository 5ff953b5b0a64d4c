BEGIN TRANSACTION;
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	PRIMARY KEY (study_id), 
	CONSTRAINT studydirection CHECK (direction IN ('NOT_SET', 'MINIMIZE', 'MAXIMIZE'))
);
INSERT INTO "studies" VALUES(1,'first','MINIMIZE');
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
INSERT INTO "trial_params" VALUES(1,1,'u',3.25755616061479846834e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(2,1,'l',7.34679613524923559846e-07,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(3,1,'d',0.0,'{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO "trial_params" VALUES(4,1,'i',3.0,'{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(5,1,'c',4.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO "trial_params" VALUES(6,2,'u',-8.79822384642408694688e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(7,3,'u',1.98770304194945346409e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(8,4,'u',1.17327834659573193576e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(9,5,'u',-0.0288949963367362,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(10,5,'l',3.59015243828636407275e-02,'{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(11,5,'d',0.5,'{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO "trial_params" VALUES(12,5,'i',3.0,'{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9}}');
INSERT INTO "trial_params" VALUES(13,5,'c',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO "trial_params" VALUES(14,6,'u',0.272309357106681,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(15,7,'x',5.75543987265921153095e-01,'{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO "trial_params" VALUES(16,8,'u',6.3865204825509191977e-01,'{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
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
INSERT INTO "trial_system_attributes" VALUES(2,2,'fail_reason','"Setting trial status as TrialState.FAIL because of the following error: ValueError(''fails'')"');
INSERT INTO "trial_system_attributes" VALUES(3,4,'fail_reason','"Setting trial status as TrialState.FAIL because the objective function returned nan."');
INSERT INTO "trial_system_attributes" VALUES(4,5,'of the system','[4]');
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
	CONSTRAINT trialstate CHECK (state IN ('RUNNING', 'COMPLETE', 'PRUNED', 'FAIL'))
);
INSERT INTO "trials" VALUES(1,1,'COMPLETE',0.0,'2026-11-21 02:58:47.428061','2026-11-21 02:58:47.935889');
INSERT INTO "trials" VALUES(2,1,'FAIL',3.00000000000000044408e-01,'2026-11-21 02:58:47.978550',NULL);
INSERT INTO "trials" VALUES(3,1,'PRUNED',3.00000000000000044408e-01,'2026-11-21 02:58:48.271211','2026-11-21 02:58:48.480397');
INSERT INTO "trials" VALUES(4,1,'FAIL',3.00000000000000044408e-01,'2026-11-21 02:58:48.511709',NULL);
INSERT INTO "trials" VALUES(5,1,'COMPLETE',9e999,'2026-11-21 02:58:48.791471','2026-11-21 02:58:49.399719');
INSERT INTO "trials" VALUES(6,1,'COMPLETE',-1.0e+20,'2026-11-21 02:58:49.461613','2026-11-21 02:58:49.735180');
INSERT INTO "trials" VALUES(7,2,'COMPLETE',5.75543987265921153095e-01,'2026-11-21 02:58:49.823319','2026-11-21 02:58:49.923785');
INSERT INTO "trials" VALUES(8,1,'COMPLETE',2.0,'2026-11-21 02:58:49.971947','2026-11-21 02:58:50.208068');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,11,'0.8.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
COMMIT;
