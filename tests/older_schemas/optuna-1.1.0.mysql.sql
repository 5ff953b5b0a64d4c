CREATE TABLE `alembic_version` (
  `version_num` varchar(32) NOT NULL,
  PRIMARY KEY (`version_num`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `alembic_version` VALUES ('v0.9.0.a');
CREATE TABLE `studies` (
  `study_id` int(11) NOT NULL AUTO_INCREMENT,
  `study_name` varchar(512) NOT NULL,
  `direction` enum('NOT_SET','MINIMIZE','MAXIMIZE') NOT NULL,
  PRIMARY KEY (`study_id`),
  UNIQUE KEY `ix_studies_study_name` (`study_name`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `studies` VALUES (1,'first','MAXIMIZE');
INSERT INTO `studies` VALUES (2,'second','MINIMIZE');
CREATE TABLE `study_system_attributes` (
  `study_system_attribute_id` int(11) NOT NULL AUTO_INCREMENT,
  `study_id` int(11) DEFAULT NULL,
  `key` varchar(512) DEFAULT NULL,
  `value_json` varchar(2048) DEFAULT NULL,
  PRIMARY KEY (`study_system_attribute_id`),
  UNIQUE KEY `study_id` (`study_id`,`key`),
  CONSTRAINT `study_system_attributes_ibfk_1` FOREIGN KEY (`study_id`) REFERENCES `studies` (`study_id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `study_system_attributes` VALUES (1,1,'what','{\"a\": [1]}');
CREATE TABLE `study_user_attributes` (
  `study_user_attribute_id` int(11) NOT NULL AUTO_INCREMENT,
  `study_id` int(11) DEFAULT NULL,
  `key` varchar(512) DEFAULT NULL,
  `value_json` varchar(2048) DEFAULT NULL,
  PRIMARY KEY (`study_user_attribute_id`),
  UNIQUE KEY `study_id` (`study_id`,`key`),
  CONSTRAINT `study_user_attributes_ibfk_1` FOREIGN KEY (`study_id`) REFERENCES `studies` (`study_id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `study_user_attributes` VALUES (1,1,'who','\"me\"');
CREATE TABLE `trial_params` (
  `param_id` int(11) NOT NULL AUTO_INCREMENT,
  `trial_id` int(11) DEFAULT NULL,
  `param_name` varchar(512) DEFAULT NULL,
  `param_value` float DEFAULT NULL,
  `distribution_json` varchar(2048) DEFAULT NULL,
  PRIMARY KEY (`param_id`),
  UNIQUE KEY `trial_id` (`trial_id`,`param_name`),
  CONSTRAINT `trial_params_ibfk_1` FOREIGN KEY (`trial_id`) REFERENCES `trials` (`trial_id`)
) ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trial_params` VALUES (1,1,'u',0.378216,'{\"name\": \"UniformDistribution\", \"attributes\": {\"low\": -1.0, \"high\": 1.0}}');
INSERT INTO `trial_params` VALUES (2,1,'l',0.105381,'{\"name\": \"LogUniformDistribution\", \"attributes\": {\"low\": 1e-08, \"high\": 1.0}}');
INSERT INTO `trial_params` VALUES (3,1,'d',1,'{\"name\": \"DiscreteUniformDistribution\", \"attributes\": {\"low\": 0.0, \"high\": 1.0, \"q\": 0.25}}');
INSERT INTO `trial_params` VALUES (4,1,'i',2,'{\"name\": \"IntUniformDistribution\", \"attributes\": {\"low\": 1, \"high\": 9}}');
INSERT INTO `trial_params` VALUES (5,1,'c',4,'{\"name\": \"CategoricalDistribution\", \"attributes\": {\"choices\": [\"a\", null, 3, 0.5, true]}}');
INSERT INTO `trial_params` VALUES (6,2,'u',-0.788308,'{\"name\": \"UniformDistribution\", \"attributes\": {\"low\": -1.0, \"high\": 1.0}}');
INSERT INTO `trial_params` VALUES (7,3,'u',0.211938,'{\"name\": \"UniformDistribution\", \"attributes\": {\"low\": -1.0, \"high\": 1.0}}');
INSERT INTO `trial_params` VALUES (8,4,'u',-0.0326877,'{\"name\": \"UniformDistribution\", \"attributes\": {\"low\": -1.0, \"high\": 1.0}}');
INSERT INTO `trial_params` VALUES (9,5,'u',0.00115196,'{\"name\": \"UniformDistribution\", \"attributes\": {\"low\": -1.0, \"high\": 1.0}}');
INSERT INTO `trial_params` VALUES (10,5,'l',0.0000460548,'{\"name\": \"LogUniformDistribution\", \"attributes\": {\"low\": 1e-08, \"high\": 1.0}}');
INSERT INTO `trial_params` VALUES (11,5,'d',0.25,'{\"name\": \"DiscreteUniformDistribution\", \"attributes\": {\"low\": 0.0, \"high\": 1.0, \"q\": 0.25}}');
INSERT INTO `trial_params` VALUES (12,5,'i',4,'{\"name\": \"IntUniformDistribution\", \"attributes\": {\"low\": 1, \"high\": 9}}');
INSERT INTO `trial_params` VALUES (13,5,'c',1,'{\"name\": \"CategoricalDistribution\", \"attributes\": {\"choices\": [\"a\", null, 3, 0.5, true]}}');
INSERT INTO `trial_params` VALUES (14,6,'u',-0.0148272,'{\"name\": \"UniformDistribution\", \"attributes\": {\"low\": -1.0, \"high\": 1.0}}');
INSERT INTO `trial_params` VALUES (15,7,'x',0.481202,'{\"name\": \"UniformDistribution\", \"attributes\": {\"low\": 0.0, \"high\": 1.0}}');
INSERT INTO `trial_params` VALUES (16,8,'u',-0.792575,'{\"name\": \"UniformDistribution\", \"attributes\": {\"low\": -1.0, \"high\": 1.0}}');
CREATE TABLE `trial_system_attributes` (
  `trial_system_attribute_id` int(11) NOT NULL AUTO_INCREMENT,
  `trial_id` int(11) DEFAULT NULL,
  `key` varchar(512) DEFAULT NULL,
  `value_json` varchar(2048) DEFAULT NULL,
  PRIMARY KEY (`trial_system_attribute_id`),
  UNIQUE KEY `trial_id` (`trial_id`,`key`),
  CONSTRAINT `trial_system_attributes_ibfk_1` FOREIGN KEY (`trial_id`) REFERENCES `trials` (`trial_id`)
) ENGINE=InnoDB AUTO_INCREMENT=13 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trial_system_attributes` VALUES (1,1,'_number','0');
INSERT INTO `trial_system_attributes` VALUES (2,1,'of the system','[0]');
INSERT INTO `trial_system_attributes` VALUES (3,2,'_number','1');
INSERT INTO `trial_system_attributes` VALUES (4,2,'fail_reason','\"Setting status of trial#1 as TrialState.FAIL because of the following error: ValueError(\'fails\')\"');
INSERT INTO `trial_system_attributes` VALUES (5,3,'_number','2');
INSERT INTO `trial_system_attributes` VALUES (6,4,'_number','3');
INSERT INTO `trial_system_attributes` VALUES (7,4,'fail_reason','\"Setting status of trial#3 as TrialState.FAIL because the objective function returned nan.\"');
INSERT INTO `trial_system_attributes` VALUES (8,5,'_number','4');
INSERT INTO `trial_system_attributes` VALUES (9,5,'of the system','[4]');
INSERT INTO `trial_system_attributes` VALUES (10,6,'_number','5');
INSERT INTO `trial_system_attributes` VALUES (11,7,'_number','0');
INSERT INTO `trial_system_attributes` VALUES (12,8,'_number','6');
CREATE TABLE `trial_user_attributes` (
  `trial_user_attribute_id` int(11) NOT NULL AUTO_INCREMENT,
  `trial_id` int(11) DEFAULT NULL,
  `key` varchar(512) DEFAULT NULL,
  `value_json` varchar(2048) DEFAULT NULL,
  PRIMARY KEY (`trial_user_attribute_id`),
  UNIQUE KEY `trial_id` (`trial_id`,`key`),
  CONSTRAINT `trial_user_attributes_ibfk_1` FOREIGN KEY (`trial_id`) REFERENCES `trials` (`trial_id`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trial_user_attributes` VALUES (1,1,'note','{\"number\": 0, \"text\": \"\\u00fc\'\\\"%s:x;\"}');
INSERT INTO `trial_user_attributes` VALUES (2,5,'note','{\"number\": 4, \"text\": \"\\u00fc\'\\\"%s:x;\"}');
CREATE TABLE `trial_values` (
  `trial_value_id` int(11) NOT NULL AUTO_INCREMENT,
  `trial_id` int(11) DEFAULT NULL,
  `step` int(11) DEFAULT NULL,
  `value` float DEFAULT NULL,
  PRIMARY KEY (`trial_value_id`),
  UNIQUE KEY `trial_id` (`trial_id`,`step`),
  CONSTRAINT `trial_values_ibfk_1` FOREIGN KEY (`trial_id`) REFERENCES `trials` (`trial_id`)
) ENGINE=InnoDB AUTO_INCREMENT=16 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trial_values` VALUES (1,1,0,1.5);
INSERT INTO `trial_values` VALUES (2,1,10,0.3);
INSERT INTO `trial_values` VALUES (3,2,0,2.5);
INSERT INTO `trial_values` VALUES (4,2,10,0.3);
INSERT INTO `trial_values` VALUES (5,3,0,3.5);
INSERT INTO `trial_values` VALUES (6,3,10,0.3);
INSERT INTO `trial_values` VALUES (7,4,0,4.5);
INSERT INTO `trial_values` VALUES (8,4,10,0.3);
INSERT INTO `trial_values` VALUES (9,5,0,5.5);
INSERT INTO `trial_values` VALUES (10,5,10,0.3);
INSERT INTO `trial_values` VALUES (11,6,0,6.5);
INSERT INTO `trial_values` VALUES (12,6,10,0.3);
INSERT INTO `trial_values` VALUES (13,6,11,1e30);
INSERT INTO `trial_values` VALUES (14,8,0,7.5);
INSERT INTO `trial_values` VALUES (15,8,10,0.3);
CREATE TABLE `trials` (
  `trial_id` int(11) NOT NULL AUTO_INCREMENT,
  `study_id` int(11) DEFAULT NULL,
  `state` enum('RUNNING','COMPLETE','PRUNED','FAIL') NOT NULL,
  `value` float DEFAULT NULL,
  `datetime_start` datetime DEFAULT NULL,
  `datetime_complete` datetime DEFAULT NULL,
  PRIMARY KEY (`trial_id`),
  KEY `study_id` (`study_id`),
  CONSTRAINT `trials_ibfk_1` FOREIGN KEY (`study_id`) REFERENCES `studies` (`study_id`)
) ENGINE=InnoDB AUTO_INCREMENT=9 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trials` VALUES (1,1,'COMPLETE',0,'2026-11-21 03:00:14','2026-11-21 03:00:15');
INSERT INTO `trials` VALUES (2,1,'FAIL',0.3,'2026-11-21 03:00:15','2026-11-21 03:00:15');
INSERT INTO `trials` VALUES (3,1,'PRUNED',0.3,'2026-11-21 03:00:15','2026-11-21 03:00:15');
INSERT INTO `trials` VALUES (4,1,'FAIL',0.3,'2026-11-21 03:00:15','2026-11-21 03:00:16');
INSERT INTO `trials` VALUES (5,1,'COMPLETE',1.33333,'2026-11-21 03:00:16','2026-11-21 03:00:16');
INSERT INTO `trials` VALUES (6,1,'COMPLETE',-1e20,'2026-11-21 03:00:16','2026-11-21 03:00:17');
INSERT INTO `trials` VALUES (7,2,'COMPLETE',0.481202,'2026-11-21 03:00:17','2026-11-21 03:00:17');
INSERT INTO `trials` VALUES (8,1,'COMPLETE',2,'2026-11-21 03:00:17','2026-11-21 03:00:17');
CREATE TABLE `version_info` (
  `version_info_id` int(11) NOT NULL,
  `schema_version` int(11) DEFAULT NULL,
  `library_version` varchar(256) DEFAULT NULL,
  PRIMARY KEY (`version_info_id`),
  CONSTRAINT `CONSTRAINT_1` CHECK (`version_info_id` = 1)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `version_info` VALUES (1,12,'1.1.0');
