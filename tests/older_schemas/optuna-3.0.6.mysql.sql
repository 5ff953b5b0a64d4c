CREATE TABLE `alembic_version` (
  `version_num` varchar(32) NOT NULL,
  PRIMARY KEY (`version_num`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `alembic_version` VALUES ('v3.0.0.d');
CREATE TABLE `studies` (
  `study_id` int(11) NOT NULL AUTO_INCREMENT,
  `study_name` varchar(512) NOT NULL,
  PRIMARY KEY (`study_id`),
  UNIQUE KEY `ix_studies_study_name` (`study_name`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `studies` VALUES (1,'first');
INSERT INTO `studies` VALUES (2,'second');
INSERT INTO `studies` VALUES (3,'several');
CREATE TABLE `study_directions` (
  `study_direction_id` int(11) NOT NULL AUTO_INCREMENT,
  `direction` enum('NOT_SET','MINIMIZE','MAXIMIZE') NOT NULL,
  `study_id` int(11) NOT NULL,
  `objective` int(11) NOT NULL,
  PRIMARY KEY (`study_direction_id`),
  UNIQUE KEY `study_id` (`study_id`,`objective`),
  CONSTRAINT `study_directions_ibfk_1` FOREIGN KEY (`study_id`) REFERENCES `studies` (`study_id`)
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `study_directions` VALUES (1,'MAXIMIZE',1,0);
INSERT INTO `study_directions` VALUES (2,'MINIMIZE',2,0);
INSERT INTO `study_directions` VALUES (3,'MINIMIZE',3,0);
INSERT INTO `study_directions` VALUES (4,'MAXIMIZE',3,1);
CREATE TABLE `study_system_attributes` (
  `study_system_attribute_id` int(11) NOT NULL AUTO_INCREMENT,
  `study_id` int(11) DEFAULT NULL,
  `key` varchar(512) DEFAULT NULL,
  `value_json` text DEFAULT NULL,
  PRIMARY KEY (`study_system_attribute_id`),
  UNIQUE KEY `study_id` (`study_id`,`key`),
  CONSTRAINT `study_system_attributes_ibfk_1` FOREIGN KEY (`study_id`) REFERENCES `studies` (`study_id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `study_system_attributes` VALUES (1,1,'what','{\"a\": [1]}');
CREATE TABLE `study_user_attributes` (
  `study_user_attribute_id` int(11) NOT NULL AUTO_INCREMENT,
  `study_id` int(11) DEFAULT NULL,
  `key` varchar(512) DEFAULT NULL,
  `value_json` text DEFAULT NULL,
  PRIMARY KEY (`study_user_attribute_id`),
  UNIQUE KEY `study_id` (`study_id`,`key`),
  CONSTRAINT `study_user_attributes_ibfk_1` FOREIGN KEY (`study_id`) REFERENCES `studies` (`study_id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `study_user_attributes` VALUES (1,1,'who','\"me\"');
CREATE TABLE `trial_heartbeats` (
  `trial_heartbeat_id` int(11) NOT NULL AUTO_INCREMENT,
  `trial_id` int(11) NOT NULL,
  `heartbeat` datetime NOT NULL,
  PRIMARY KEY (`trial_heartbeat_id`),
  UNIQUE KEY `trial_id` (`trial_id`),
  CONSTRAINT `trial_heartbeats_ibfk_1` FOREIGN KEY (`trial_id`) REFERENCES `trials` (`trial_id`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
CREATE TABLE `trial_intermediate_values` (
  `trial_intermediate_value_id` int(11) NOT NULL AUTO_INCREMENT,
  `trial_id` int(11) NOT NULL,
  `step` int(11) NOT NULL,
  `intermediate_value` double DEFAULT NULL,
  `intermediate_value_type` enum('FINITE','INF_POS','INF_NEG','NAN') NOT NULL,
  PRIMARY KEY (`trial_intermediate_value_id`),
  UNIQUE KEY `trial_id` (`trial_id`,`step`),
  CONSTRAINT `trial_intermediate_values_ibfk_1` FOREIGN KEY (`trial_id`) REFERENCES `trials` (`trial_id`)
) ENGINE=InnoDB AUTO_INCREMENT=16 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trial_intermediate_values` VALUES (1,1,0,1.5,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (2,1,10,0.30000000000000004,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (3,2,0,2.5,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (4,2,10,0.30000000000000004,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (5,3,0,3.5,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (6,3,10,0.30000000000000004,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (7,4,0,4.5,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (8,4,10,0.30000000000000004,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (9,5,0,5.5,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (10,5,10,0.30000000000000004,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (11,6,0,6.5,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (12,6,10,0.30000000000000004,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (13,6,11,1e30,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (14,8,0,7.5,'FINITE');
INSERT INTO `trial_intermediate_values` VALUES (15,8,10,0.30000000000000004,'FINITE');
CREATE TABLE `trial_params` (
  `param_id` int(11) NOT NULL AUTO_INCREMENT,
  `trial_id` int(11) DEFAULT NULL,
  `param_name` varchar(512) DEFAULT NULL,
  `param_value` double DEFAULT NULL,
  `distribution_json` text DEFAULT NULL,
  PRIMARY KEY (`param_id`),
  UNIQUE KEY `trial_id` (`trial_id`,`param_name`),
  CONSTRAINT `trial_params_ibfk_1` FOREIGN KEY (`trial_id`) REFERENCES `trials` (`trial_id`)
) ENGINE=InnoDB AUTO_INCREMENT=25 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trial_params` VALUES (1,1,'u',0.5329114067403835,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": -1.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (2,1,'l',0.005011305106414833,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 1e-08, \"high\": 1.0, \"log\": true}}');
INSERT INTO `trial_params` VALUES (3,1,'d',1,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": 0.25, \"low\": 0.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (4,1,'i',6,'{\"name\": \"IntDistribution\", \"attributes\": {\"log\": false, \"step\": 1, \"low\": 1, \"high\": 9}}');
INSERT INTO `trial_params` VALUES (5,1,'c',1,'{\"name\": \"CategoricalDistribution\", \"attributes\": {\"choices\": [\"a\", null, 3, 0.5, true]}}');
INSERT INTO `trial_params` VALUES (6,1,'il',5,'{\"name\": \"IntDistribution\", \"attributes\": {\"log\": true, \"step\": 1, \"low\": 1, \"high\": 64}}');
INSERT INTO `trial_params` VALUES (7,1,'is',0,'{\"name\": \"IntDistribution\", \"attributes\": {\"log\": false, \"step\": 5, \"low\": 0, \"high\": 10}}');
INSERT INTO `trial_params` VALUES (8,1,'f',0.21409770371068493,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 0.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (9,2,'u',0.4994746606704572,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": -1.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (10,3,'u',-0.18015004247091992,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": -1.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (11,4,'u',0.16176666820601837,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": -1.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (12,5,'u',-0.8885611050106352,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": -1.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (13,5,'l',0.0000008132400844373947,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 1e-08, \"high\": 1.0, \"log\": true}}');
INSERT INTO `trial_params` VALUES (14,5,'d',0.5,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": 0.25, \"low\": 0.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (15,5,'i',6,'{\"name\": \"IntDistribution\", \"attributes\": {\"log\": false, \"step\": 1, \"low\": 1, \"high\": 9}}');
INSERT INTO `trial_params` VALUES (16,5,'c',4,'{\"name\": \"CategoricalDistribution\", \"attributes\": {\"choices\": [\"a\", null, 3, 0.5, true]}}');
INSERT INTO `trial_params` VALUES (17,5,'il',7,'{\"name\": \"IntDistribution\", \"attributes\": {\"log\": true, \"step\": 1, \"low\": 1, \"high\": 64}}');
INSERT INTO `trial_params` VALUES (18,5,'is',5,'{\"name\": \"IntDistribution\", \"attributes\": {\"log\": false, \"step\": 5, \"low\": 0, \"high\": 10}}');
INSERT INTO `trial_params` VALUES (19,5,'f',0.5766194475759236,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 0.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (20,6,'u',-0.9223004269993962,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": -1.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (21,7,'x',0.3715441153155322,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 0.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (22,8,'u',-0.4544862061360049,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": -1.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (23,10,'x',0.7049508822673209,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 0.0, \"high\": 1.0, \"log\": false}}');
INSERT INTO `trial_params` VALUES (24,11,'x',0.03513831736933948,'{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 0.0, \"high\": 1.0, \"log\": false}}');
CREATE TABLE `trial_system_attributes` (
  `trial_system_attribute_id` int(11) NOT NULL AUTO_INCREMENT,
  `trial_id` int(11) DEFAULT NULL,
  `key` varchar(512) DEFAULT NULL,
  `value_json` text DEFAULT NULL,
  PRIMARY KEY (`trial_system_attribute_id`),
  UNIQUE KEY `trial_id` (`trial_id`,`key`),
  CONSTRAINT `trial_system_attributes_ibfk_1` FOREIGN KEY (`trial_id`) REFERENCES `trials` (`trial_id`)
) ENGINE=InnoDB AUTO_INCREMENT=6 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trial_system_attributes` VALUES (1,1,'of the system','[0]');
INSERT INTO `trial_system_attributes` VALUES (2,5,'of the system','[4]');
INSERT INTO `trial_system_attributes` VALUES (3,9,'fixed_params','{\"u\": 0.5}');
INSERT INTO `trial_system_attributes` VALUES (4,10,'nsga2:generation','0');
INSERT INTO `trial_system_attributes` VALUES (5,11,'nsga2:generation','0');
CREATE TABLE `trial_user_attributes` (
  `trial_user_attribute_id` int(11) NOT NULL AUTO_INCREMENT,
  `trial_id` int(11) DEFAULT NULL,
  `key` varchar(512) DEFAULT NULL,
  `value_json` text DEFAULT NULL,
  PRIMARY KEY (`trial_user_attribute_id`),
  UNIQUE KEY `trial_id` (`trial_id`,`key`),
  CONSTRAINT `trial_user_attributes_ibfk_1` FOREIGN KEY (`trial_id`) REFERENCES `trials` (`trial_id`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trial_user_attributes` VALUES (1,1,'note','{\"number\": 0, \"text\": \"\\u00fc\'\\\"%s:x;\"}');
INSERT INTO `trial_user_attributes` VALUES (2,5,'note','{\"number\": 4, \"text\": \"\\u00fc\'\\\"%s:x;\"}');
CREATE TABLE `trial_values` (
  `trial_value_id` int(11) NOT NULL AUTO_INCREMENT,
  `trial_id` int(11) NOT NULL,
  `objective` int(11) NOT NULL,
  `value` double DEFAULT NULL,
  `value_type` enum('FINITE','INF_POS','INF_NEG') NOT NULL,
  PRIMARY KEY (`trial_value_id`),
  UNIQUE KEY `trial_id` (`trial_id`,`objective`),
  CONSTRAINT `trial_values_ibfk_1` FOREIGN KEY (`trial_id`) REFERENCES `trials` (`trial_id`)
) ENGINE=InnoDB AUTO_INCREMENT=11 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trial_values` VALUES (1,1,0,0,'FINITE');
INSERT INTO `trial_values` VALUES (2,3,0,0.30000000000000004,'FINITE');
INSERT INTO `trial_values` VALUES (3,5,0,1.3333333333333333,'FINITE');
INSERT INTO `trial_values` VALUES (4,6,0,-1e20,'FINITE');
INSERT INTO `trial_values` VALUES (5,7,0,0.3715441153155322,'FINITE');
INSERT INTO `trial_values` VALUES (6,8,0,2,'FINITE');
INSERT INTO `trial_values` VALUES (7,10,0,0.7049508822673209,'FINITE');
INSERT INTO `trial_values` VALUES (8,10,1,0,'FINITE');
INSERT INTO `trial_values` VALUES (9,11,0,0.03513831736933948,'FINITE');
INSERT INTO `trial_values` VALUES (10,11,1,1,'FINITE');
CREATE TABLE `trials` (
  `trial_id` int(11) NOT NULL AUTO_INCREMENT,
  `number` int(11) DEFAULT NULL,
  `study_id` int(11) DEFAULT NULL,
  `state` enum('RUNNING','COMPLETE','PRUNED','FAIL','WAITING') NOT NULL,
  `datetime_start` datetime DEFAULT NULL,
  `datetime_complete` datetime DEFAULT NULL,
  PRIMARY KEY (`trial_id`),
  KEY `study_id` (`study_id`),
  CONSTRAINT `trials_ibfk_1` FOREIGN KEY (`study_id`) REFERENCES `studies` (`study_id`)
) ENGINE=InnoDB AUTO_INCREMENT=12 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `trials` VALUES (1,0,1,'COMPLETE','2026-11-21 03:00:30','2026-11-21 03:00:31');
INSERT INTO `trials` VALUES (2,1,1,'FAIL','2026-11-21 03:00:31','2026-11-21 03:00:31');
INSERT INTO `trials` VALUES (3,2,1,'PRUNED','2026-11-21 03:00:31','2026-11-21 03:00:31');
INSERT INTO `trials` VALUES (4,3,1,'FAIL','2026-11-21 03:00:31','2026-11-21 03:00:31');
INSERT INTO `trials` VALUES (5,4,1,'COMPLETE','2026-11-21 03:00:31','2026-11-21 03:00:31');
INSERT INTO `trials` VALUES (6,5,1,'COMPLETE','2026-11-21 03:00:31','2026-11-21 03:00:31');
INSERT INTO `trials` VALUES (7,0,2,'COMPLETE','2026-11-21 03:00:31','2026-11-21 03:00:31');
INSERT INTO `trials` VALUES (8,6,1,'COMPLETE','2026-11-21 03:00:32','2026-11-21 03:00:32');
INSERT INTO `trials` VALUES (9,7,1,'RUNNING','2026-11-21 03:00:32',NULL);
INSERT INTO `trials` VALUES (10,0,3,'COMPLETE','2026-11-21 03:00:32','2026-11-21 03:00:32');
INSERT INTO `trials` VALUES (11,1,3,'COMPLETE','2026-11-21 03:00:32','2026-11-21 03:00:32');
CREATE TABLE `version_info` (
  `version_info_id` int(11) NOT NULL,
  `schema_version` int(11) DEFAULT NULL,
  `library_version` varchar(256) DEFAULT NULL,
  PRIMARY KEY (`version_info_id`),
  CONSTRAINT `CONSTRAINT_1` CHECK (`version_info_id` = 1)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
INSERT INTO `version_info` VALUES (1,12,'3.0.6');
