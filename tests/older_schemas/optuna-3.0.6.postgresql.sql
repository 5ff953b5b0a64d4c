CREATE TYPE public.studydirection AS ENUM (
    'NOT_SET',
    'MINIMIZE',
    'MAXIMIZE'
);
CREATE TYPE public.trialintermediatevaluetype AS ENUM (
    'FINITE',
    'INF_POS',
    'INF_NEG',
    'NAN'
);
CREATE TYPE public.trialstate AS ENUM (
    'RUNNING',
    'COMPLETE',
    'PRUNED',
    'FAIL',
    'WAITING'
);
CREATE TYPE public.trialvaluetype AS ENUM (
    'FINITE',
    'INF_POS',
    'INF_NEG'
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.studies (
    study_id integer NOT NULL,
    study_name character varying(512) NOT NULL
);
CREATE SEQUENCE public.studies_study_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.studies_study_id_seq OWNED BY public.studies.study_id;
CREATE TABLE public.study_directions (
    study_direction_id integer NOT NULL,
    direction public.studydirection NOT NULL,
    study_id integer NOT NULL,
    objective integer NOT NULL
);
CREATE SEQUENCE public.study_directions_study_direction_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.study_directions_study_direction_id_seq OWNED BY public.study_directions.study_direction_id;
CREATE TABLE public.study_system_attributes (
    study_system_attribute_id integer NOT NULL,
    study_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE public.study_system_attributes_study_system_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.study_system_attributes_study_system_attribute_id_seq OWNED BY public.study_system_attributes.study_system_attribute_id;
CREATE TABLE public.study_user_attributes (
    study_user_attribute_id integer NOT NULL,
    study_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE public.study_user_attributes_study_user_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.study_user_attributes_study_user_attribute_id_seq OWNED BY public.study_user_attributes.study_user_attribute_id;
CREATE TABLE public.trial_heartbeats (
    trial_heartbeat_id integer NOT NULL,
    trial_id integer NOT NULL,
    heartbeat timestamp without time zone NOT NULL
);
CREATE SEQUENCE public.trial_heartbeats_trial_heartbeat_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_heartbeats_trial_heartbeat_id_seq OWNED BY public.trial_heartbeats.trial_heartbeat_id;
CREATE TABLE public.trial_intermediate_values (
    trial_intermediate_value_id integer NOT NULL,
    trial_id integer NOT NULL,
    step integer NOT NULL,
    intermediate_value double precision,
    intermediate_value_type public.trialintermediatevaluetype NOT NULL
);
CREATE SEQUENCE public.trial_intermediate_values_trial_intermediate_value_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_intermediate_values_trial_intermediate_value_id_seq OWNED BY public.trial_intermediate_values.trial_intermediate_value_id;
CREATE TABLE public.trial_params (
    param_id integer NOT NULL,
    trial_id integer,
    param_name character varying(512),
    param_value double precision,
    distribution_json text
);
CREATE SEQUENCE public.trial_params_param_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_params_param_id_seq OWNED BY public.trial_params.param_id;
CREATE TABLE public.trial_system_attributes (
    trial_system_attribute_id integer NOT NULL,
    trial_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE public.trial_system_attributes_trial_system_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_system_attributes_trial_system_attribute_id_seq OWNED BY public.trial_system_attributes.trial_system_attribute_id;
CREATE TABLE public.trial_user_attributes (
    trial_user_attribute_id integer NOT NULL,
    trial_id integer,
    key character varying(512),
    value_json text
);
CREATE SEQUENCE public.trial_user_attributes_trial_user_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_user_attributes_trial_user_attribute_id_seq OWNED BY public.trial_user_attributes.trial_user_attribute_id;
CREATE TABLE public.trial_values (
    trial_value_id integer NOT NULL,
    trial_id integer NOT NULL,
    objective integer NOT NULL,
    value double precision,
    value_type public.trialvaluetype NOT NULL
);
CREATE SEQUENCE public.trial_values_trial_value_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trial_values_trial_value_id_seq OWNED BY public.trial_values.trial_value_id;
CREATE TABLE public.trials (
    trial_id integer NOT NULL,
    number integer,
    study_id integer,
    state public.trialstate NOT NULL,
    datetime_start timestamp without time zone,
    datetime_complete timestamp without time zone
);
CREATE SEQUENCE public.trials_trial_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.trials_trial_id_seq OWNED BY public.trials.trial_id;
CREATE TABLE public.version_info (
    version_info_id integer NOT NULL,
    schema_version integer,
    library_version character varying(256),
    CONSTRAINT version_info_version_info_id_check CHECK ((version_info_id = 1))
);
ALTER TABLE ONLY public.studies ALTER COLUMN study_id SET DEFAULT nextval('public.studies_study_id_seq'::regclass);
ALTER TABLE ONLY public.study_directions ALTER COLUMN study_direction_id SET DEFAULT nextval('public.study_directions_study_direction_id_seq'::regclass);
ALTER TABLE ONLY public.study_system_attributes ALTER COLUMN study_system_attribute_id SET DEFAULT nextval('public.study_system_attributes_study_system_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.study_user_attributes ALTER COLUMN study_user_attribute_id SET DEFAULT nextval('public.study_user_attributes_study_user_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.trial_heartbeats ALTER COLUMN trial_heartbeat_id SET DEFAULT nextval('public.trial_heartbeats_trial_heartbeat_id_seq'::regclass);
ALTER TABLE ONLY public.trial_intermediate_values ALTER COLUMN trial_intermediate_value_id SET DEFAULT nextval('public.trial_intermediate_values_trial_intermediate_value_id_seq'::regclass);
ALTER TABLE ONLY public.trial_params ALTER COLUMN param_id SET DEFAULT nextval('public.trial_params_param_id_seq'::regclass);
ALTER TABLE ONLY public.trial_system_attributes ALTER COLUMN trial_system_attribute_id SET DEFAULT nextval('public.trial_system_attributes_trial_system_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.trial_user_attributes ALTER COLUMN trial_user_attribute_id SET DEFAULT nextval('public.trial_user_attributes_trial_user_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.trial_values ALTER COLUMN trial_value_id SET DEFAULT nextval('public.trial_values_trial_value_id_seq'::regclass);
ALTER TABLE ONLY public.trials ALTER COLUMN trial_id SET DEFAULT nextval('public.trials_trial_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('v3.0.0.d');
INSERT INTO public.studies VALUES (1, 'first');
INSERT INTO public.studies VALUES (2, 'second');
INSERT INTO public.studies VALUES (3, 'several');
INSERT INTO public.study_directions VALUES (1, 'MAXIMIZE', 1, 0);
INSERT INTO public.study_directions VALUES (2, 'MINIMIZE', 2, 0);
INSERT INTO public.study_directions VALUES (3, 'MINIMIZE', 3, 0);
INSERT INTO public.study_directions VALUES (4, 'MAXIMIZE', 3, 1);
INSERT INTO public.study_system_attributes VALUES (1, 1, 'what', '{"a": [1]}');
INSERT INTO public.study_user_attributes VALUES (1, 1, 'who', '"me"');
INSERT INTO public.trial_intermediate_values VALUES (1, 1, 0, 1.5, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (2, 1, 10, 0.30000000000000004, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (3, 2, 0, 2.5, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (4, 2, 10, 0.30000000000000004, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (5, 3, 0, 3.5, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (6, 3, 10, 0.30000000000000004, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (7, 4, 0, 4.5, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (8, 4, 10, 0.30000000000000004, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (9, 5, 0, 5.5, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (10, 5, 10, 0.30000000000000004, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (11, 5, 11, NULL, 'INF_POS');
INSERT INTO public.trial_intermediate_values VALUES (12, 5, 12, NULL, 'INF_NEG');
INSERT INTO public.trial_intermediate_values VALUES (13, 6, 0, 6.5, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (14, 6, 10, 0.30000000000000004, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (15, 6, 11, 1e+30, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (16, 8, 0, 7.5, 'FINITE');
INSERT INTO public.trial_intermediate_values VALUES (17, 8, 10, 0.30000000000000004, 'FINITE');
INSERT INTO public.trial_params VALUES (1, 1, 'u', -0.04480955082792493, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (2, 1, 'l', 1.836202187909892e-07, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-08, "high": 1.0, "log": true}}');
INSERT INTO public.trial_params VALUES (3, 1, 'd', 0.75, '{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (4, 1, 'i', 6, '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO public.trial_params VALUES (5, 1, 'c', 2, '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO public.trial_params VALUES (6, 1, 'il', 3, '{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 64}}');
INSERT INTO public.trial_params VALUES (7, 1, 'is', 10, '{"name": "IntDistribution", "attributes": {"log": false, "step": 5, "low": 0, "high": 10}}');
INSERT INTO public.trial_params VALUES (8, 1, 'f', 0.589553224065375, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (9, 2, 'u', 0.5309644374439582, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (10, 3, 'u', -0.16990322109850164, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (11, 4, 'u', 0.014209501383091183, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (12, 5, 'u', 0.5461618645274102, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (13, 5, 'l', 0.01265368088012991, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-08, "high": 1.0, "log": true}}');
INSERT INTO public.trial_params VALUES (14, 5, 'd', 0, '{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (15, 5, 'i', 6, '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
INSERT INTO public.trial_params VALUES (16, 5, 'c', 2, '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO public.trial_params VALUES (17, 5, 'il', 24, '{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 64}}');
INSERT INTO public.trial_params VALUES (18, 5, 'is', 10, '{"name": "IntDistribution", "attributes": {"log": false, "step": 5, "low": 0, "high": 10}}');
INSERT INTO public.trial_params VALUES (19, 5, 'f', 0.47708648665460385, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (20, 6, 'u', -0.6267393404081234, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (21, 7, 'x', 0.6670712917291399, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (22, 8, 'u', 0.06178523093548183, '{"name": "FloatDistribution", "attributes": {"step": null, "low": -1.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (23, 10, 'x', 0.9581342057364332, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_params VALUES (24, 11, 'x', 0.9907569131784619, '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO public.trial_system_attributes VALUES (1, 1, 'of the system', '[0]');
INSERT INTO public.trial_system_attributes VALUES (2, 5, 'of the system', '[4]');
INSERT INTO public.trial_system_attributes VALUES (3, 9, 'fixed_params', '{"u": 0.5}');
INSERT INTO public.trial_system_attributes VALUES (4, 10, 'nsga2:generation', '0');
INSERT INTO public.trial_system_attributes VALUES (5, 11, 'nsga2:generation', '0');
INSERT INTO public.trial_user_attributes VALUES (1, 1, 'note', '{"number": 0, "text": "\u00fc''\"%s:x;"}');
INSERT INTO public.trial_user_attributes VALUES (2, 5, 'note', '{"number": 4, "text": "\u00fc''\"%s:x;"}');
INSERT INTO public.trial_values VALUES (1, 1, 0, 0, 'FINITE');
INSERT INTO public.trial_values VALUES (2, 3, 0, 0.30000000000000004, 'FINITE');
INSERT INTO public.trial_values VALUES (3, 5, 0, NULL, 'INF_POS');
INSERT INTO public.trial_values VALUES (4, 6, 0, -1e+20, 'FINITE');
INSERT INTO public.trial_values VALUES (5, 7, 0, 0.6670712917291399, 'FINITE');
INSERT INTO public.trial_values VALUES (6, 8, 0, 2, 'FINITE');
INSERT INTO public.trial_values VALUES (7, 10, 0, 0.9581342057364332, 'FINITE');
INSERT INTO public.trial_values VALUES (8, 10, 1, 0, 'FINITE');
INSERT INTO public.trial_values VALUES (9, 11, 0, 0.9907569131784619, 'FINITE');
INSERT INTO public.trial_values VALUES (10, 11, 1, 1, 'FINITE');
INSERT INTO public.trials VALUES (1, 0, 1, 'COMPLETE', '2026-11-21 03:00:06.084194', '2026-11-21 03:00:06.274642');
INSERT INTO public.trials VALUES (2, 1, 1, 'FAIL', '2026-11-21 03:00:06.339425', '2026-11-21 03:00:06.381424');
INSERT INTO public.trials VALUES (3, 2, 1, 'PRUNED', '2026-11-21 03:00:06.402633', '2026-11-21 03:00:06.43357');
INSERT INTO public.trials VALUES (4, 3, 1, 'FAIL', '2026-11-21 03:00:06.450586', '2026-11-21 03:00:06.475238');
INSERT INTO public.trials VALUES (5, 4, 1, 'COMPLETE', '2026-11-21 03:00:06.488681', '2026-11-21 03:00:06.672079');
INSERT INTO public.trials VALUES (6, 5, 1, 'COMPLETE', '2026-11-21 03:00:06.72544', '2026-11-21 03:00:06.76857');
INSERT INTO public.trials VALUES (7, 0, 2, 'COMPLETE', '2026-11-21 03:00:07.010471', '2026-11-21 03:00:07.042777');
INSERT INTO public.trials VALUES (8, 6, 1, 'COMPLETE', '2026-11-21 03:00:07.142536', '2026-11-21 03:00:07.248771');
INSERT INTO public.trials VALUES (9, 7, 1, 'RUNNING', '2026-11-21 03:00:07.474697', NULL);
INSERT INTO public.trials VALUES (10, 0, 3, 'COMPLETE', '2026-11-21 03:00:07.798815', '2026-11-21 03:00:07.895234');
INSERT INTO public.trials VALUES (11, 1, 3, 'COMPLETE', '2026-11-21 03:00:07.92934', '2026-11-21 03:00:08.003107');
INSERT INTO public.version_info VALUES (1, 12, '3.0.6');
SELECT pg_catalog.setval('public.studies_study_id_seq', 3, true);
SELECT pg_catalog.setval('public.study_directions_study_direction_id_seq', 4, true);
SELECT pg_catalog.setval('public.study_system_attributes_study_system_attribute_id_seq', 1, true);
SELECT pg_catalog.setval('public.study_user_attributes_study_user_attribute_id_seq', 1, true);
SELECT pg_catalog.setval('public.trial_heartbeats_trial_heartbeat_id_seq', 1, false);
SELECT pg_catalog.setval('public.trial_intermediate_values_trial_intermediate_value_id_seq', 17, true);
SELECT pg_catalog.setval('public.trial_params_param_id_seq', 24, true);
SELECT pg_catalog.setval('public.trial_system_attributes_trial_system_attribute_id_seq', 5, true);
SELECT pg_catalog.setval('public.trial_user_attributes_trial_user_attribute_id_seq', 2, true);
SELECT pg_catalog.setval('public.trial_values_trial_value_id_seq', 10, true);
SELECT pg_catalog.setval('public.trials_trial_id_seq', 11, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.studies
    ADD CONSTRAINT studies_pkey PRIMARY KEY (study_id);
ALTER TABLE ONLY public.study_directions
    ADD CONSTRAINT study_directions_pkey PRIMARY KEY (study_direction_id);
ALTER TABLE ONLY public.study_directions
    ADD CONSTRAINT study_directions_study_id_objective_key UNIQUE (study_id, objective);
ALTER TABLE ONLY public.study_system_attributes
    ADD CONSTRAINT study_system_attributes_pkey PRIMARY KEY (study_system_attribute_id);
ALTER TABLE ONLY public.study_system_attributes
    ADD CONSTRAINT study_system_attributes_study_id_key_key UNIQUE (study_id, key);
ALTER TABLE ONLY public.study_user_attributes
    ADD CONSTRAINT study_user_attributes_pkey PRIMARY KEY (study_user_attribute_id);
ALTER TABLE ONLY public.study_user_attributes
    ADD CONSTRAINT study_user_attributes_study_id_key_key UNIQUE (study_id, key);
ALTER TABLE ONLY public.trial_heartbeats
    ADD CONSTRAINT trial_heartbeats_pkey PRIMARY KEY (trial_heartbeat_id);
ALTER TABLE ONLY public.trial_heartbeats
    ADD CONSTRAINT trial_heartbeats_trial_id_key UNIQUE (trial_id);
ALTER TABLE ONLY public.trial_intermediate_values
    ADD CONSTRAINT trial_intermediate_values_pkey PRIMARY KEY (trial_intermediate_value_id);
ALTER TABLE ONLY public.trial_intermediate_values
    ADD CONSTRAINT trial_intermediate_values_trial_id_step_key UNIQUE (trial_id, step);
ALTER TABLE ONLY public.trial_params
    ADD CONSTRAINT trial_params_pkey PRIMARY KEY (param_id);
ALTER TABLE ONLY public.trial_params
    ADD CONSTRAINT trial_params_trial_id_param_name_key UNIQUE (trial_id, param_name);
ALTER TABLE ONLY public.trial_system_attributes
    ADD CONSTRAINT trial_system_attributes_pkey PRIMARY KEY (trial_system_attribute_id);
ALTER TABLE ONLY public.trial_system_attributes
    ADD CONSTRAINT trial_system_attributes_trial_id_key_key UNIQUE (trial_id, key);
ALTER TABLE ONLY public.trial_user_attributes
    ADD CONSTRAINT trial_user_attributes_pkey PRIMARY KEY (trial_user_attribute_id);
ALTER TABLE ONLY public.trial_user_attributes
    ADD CONSTRAINT trial_user_attributes_trial_id_key_key UNIQUE (trial_id, key);
ALTER TABLE ONLY public.trial_values
    ADD CONSTRAINT trial_values_pkey PRIMARY KEY (trial_value_id);
ALTER TABLE ONLY public.trial_values
    ADD CONSTRAINT trial_values_trial_id_objective_key UNIQUE (trial_id, objective);
ALTER TABLE ONLY public.trials
    ADD CONSTRAINT trials_pkey PRIMARY KEY (trial_id);
ALTER TABLE ONLY public.version_info
    ADD CONSTRAINT version_info_pkey PRIMARY KEY (version_info_id);
CREATE UNIQUE INDEX ix_studies_study_name ON public.studies USING btree (study_name);
ALTER TABLE ONLY public.study_directions
    ADD CONSTRAINT study_directions_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.studies(study_id);
ALTER TABLE ONLY public.study_system_attributes
    ADD CONSTRAINT study_system_attributes_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.studies(study_id);
ALTER TABLE ONLY public.study_user_attributes
    ADD CONSTRAINT study_user_attributes_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.studies(study_id);
ALTER TABLE ONLY public.trial_heartbeats
    ADD CONSTRAINT trial_heartbeats_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trial_intermediate_values
    ADD CONSTRAINT trial_intermediate_values_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trial_params
    ADD CONSTRAINT trial_params_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trial_system_attributes
    ADD CONSTRAINT trial_system_attributes_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trial_user_attributes
    ADD CONSTRAINT trial_user_attributes_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trial_values
    ADD CONSTRAINT trial_values_trial_id_fkey FOREIGN KEY (trial_id) REFERENCES public.trials(trial_id);
ALTER TABLE ONLY public.trials
    ADD CONSTRAINT trials_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.studies(study_id);
