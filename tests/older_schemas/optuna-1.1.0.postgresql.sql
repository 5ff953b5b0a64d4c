CREATE TYPE public.studydirection AS ENUM (
    'NOT_SET',
    'MINIMIZE',
    'MAXIMIZE'
);
CREATE TYPE public.trialstate AS ENUM (
    'RUNNING',
    'COMPLETE',
    'PRUNED',
    'FAIL'
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.studies (
    study_id integer NOT NULL,
    study_name character varying(512) NOT NULL,
    direction public.studydirection NOT NULL
);
CREATE SEQUENCE public.studies_study_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.studies_study_id_seq OWNED BY public.studies.study_id;
CREATE TABLE public.study_system_attributes (
    study_system_attribute_id integer NOT NULL,
    study_id integer,
    key character varying(512),
    value_json character varying(2048)
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
    value_json character varying(2048)
);
CREATE SEQUENCE public.study_user_attributes_study_user_attribute_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.study_user_attributes_study_user_attribute_id_seq OWNED BY public.study_user_attributes.study_user_attribute_id;
CREATE TABLE public.trial_params (
    param_id integer NOT NULL,
    trial_id integer,
    param_name character varying(512),
    param_value double precision,
    distribution_json character varying(2048)
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
    value_json character varying(2048)
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
    value_json character varying(2048)
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
    trial_id integer,
    step integer,
    value double precision
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
    study_id integer,
    state public.trialstate NOT NULL,
    value double precision,
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
ALTER TABLE ONLY public.study_system_attributes ALTER COLUMN study_system_attribute_id SET DEFAULT nextval('public.study_system_attributes_study_system_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.study_user_attributes ALTER COLUMN study_user_attribute_id SET DEFAULT nextval('public.study_user_attributes_study_user_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.trial_params ALTER COLUMN param_id SET DEFAULT nextval('public.trial_params_param_id_seq'::regclass);
ALTER TABLE ONLY public.trial_system_attributes ALTER COLUMN trial_system_attribute_id SET DEFAULT nextval('public.trial_system_attributes_trial_system_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.trial_user_attributes ALTER COLUMN trial_user_attribute_id SET DEFAULT nextval('public.trial_user_attributes_trial_user_attribute_id_seq'::regclass);
ALTER TABLE ONLY public.trial_values ALTER COLUMN trial_value_id SET DEFAULT nextval('public.trial_values_trial_value_id_seq'::regclass);
ALTER TABLE ONLY public.trials ALTER COLUMN trial_id SET DEFAULT nextval('public.trials_trial_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('v0.9.0.a');
INSERT INTO public.studies VALUES (1, 'first', 'MAXIMIZE');
INSERT INTO public.studies VALUES (2, 'second', 'MINIMIZE');
INSERT INTO public.study_system_attributes VALUES (1, 1, 'what', '{"a": [1]}');
INSERT INTO public.study_user_attributes VALUES (1, 1, 'who', '"me"');
INSERT INTO public.trial_params VALUES (1, 1, 'u', -0.08399868808884858, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (2, 1, 'l', 5.391941531987202e-05, '{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (3, 1, 'd', 0.75, '{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO public.trial_params VALUES (4, 1, 'i', 3, '{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9}}');
INSERT INTO public.trial_params VALUES (5, 1, 'c', 4, '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO public.trial_params VALUES (6, 2, 'u', 0.27645309494980674, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (7, 3, 'u', -0.05734819762292265, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (8, 4, 'u', -0.48771092617336453, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (9, 5, 'u', -0.307212299990282, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (10, 5, 'l', 0.0014133047128510508, '{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (11, 5, 'd', 0.75, '{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO public.trial_params VALUES (12, 5, 'i', 9, '{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9}}');
INSERT INTO public.trial_params VALUES (13, 5, 'c', 1, '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO public.trial_params VALUES (14, 6, 'u', -0.33450670013091366, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (15, 7, 'x', 0.9127437309342198, '{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (16, 8, 'u', -0.28693275664000906, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_system_attributes VALUES (1, 1, '_number', '0');
INSERT INTO public.trial_system_attributes VALUES (2, 1, 'of the system', '[0]');
INSERT INTO public.trial_system_attributes VALUES (3, 2, '_number', '1');
INSERT INTO public.trial_system_attributes VALUES (4, 2, 'fail_reason', '"Setting status of trial#1 as TrialState.FAIL because of the following error: ValueError(''fails'')"');
INSERT INTO public.trial_system_attributes VALUES (5, 3, '_number', '2');
INSERT INTO public.trial_system_attributes VALUES (6, 4, '_number', '3');
INSERT INTO public.trial_system_attributes VALUES (7, 4, 'fail_reason', '"Setting status of trial#3 as TrialState.FAIL because the objective function returned nan."');
INSERT INTO public.trial_system_attributes VALUES (8, 5, '_number', '4');
INSERT INTO public.trial_system_attributes VALUES (9, 5, 'of the system', '[4]');
INSERT INTO public.trial_system_attributes VALUES (10, 6, '_number', '5');
INSERT INTO public.trial_system_attributes VALUES (11, 7, '_number', '0');
INSERT INTO public.trial_system_attributes VALUES (12, 8, '_number', '6');
INSERT INTO public.trial_user_attributes VALUES (1, 1, 'note', '{"number": 0, "text": "\u00fc''\"%s:x;"}');
INSERT INTO public.trial_user_attributes VALUES (2, 5, 'note', '{"number": 4, "text": "\u00fc''\"%s:x;"}');
INSERT INTO public.trial_values VALUES (1, 1, 0, 1.5);
INSERT INTO public.trial_values VALUES (2, 1, 10, 0.30000000000000004);
INSERT INTO public.trial_values VALUES (3, 2, 0, 2.5);
INSERT INTO public.trial_values VALUES (4, 2, 10, 0.30000000000000004);
INSERT INTO public.trial_values VALUES (5, 3, 0, 3.5);
INSERT INTO public.trial_values VALUES (6, 3, 10, 0.30000000000000004);
INSERT INTO public.trial_values VALUES (7, 4, 0, 4.5);
INSERT INTO public.trial_values VALUES (8, 4, 10, 0.30000000000000004);
INSERT INTO public.trial_values VALUES (9, 5, 0, 5.5);
INSERT INTO public.trial_values VALUES (10, 5, 10, 0.30000000000000004);
INSERT INTO public.trial_values VALUES (11, 5, 11, 'Infinity');
INSERT INTO public.trial_values VALUES (12, 5, 12, '-Infinity');
INSERT INTO public.trial_values VALUES (13, 6, 0, 6.5);
INSERT INTO public.trial_values VALUES (14, 6, 10, 0.30000000000000004);
INSERT INTO public.trial_values VALUES (15, 6, 11, 1e+30);
INSERT INTO public.trial_values VALUES (16, 8, 0, 7.5);
INSERT INTO public.trial_values VALUES (17, 8, 10, 0.30000000000000004);
INSERT INTO public.trials VALUES (1, 1, 'COMPLETE', 0, '2026-11-21 02:59:47.033626', '2026-11-21 02:59:47.662934');
INSERT INTO public.trials VALUES (2, 1, 'FAIL', 0.30000000000000004, '2026-11-21 02:59:47.767466', '2026-11-21 02:59:47.939102');
INSERT INTO public.trials VALUES (3, 1, 'PRUNED', 0.30000000000000004, '2026-11-21 02:59:48.057843', '2026-11-21 02:59:48.19871');
INSERT INTO public.trials VALUES (4, 1, 'FAIL', 0.30000000000000004, '2026-11-21 02:59:48.30089', '2026-11-21 02:59:48.533492');
INSERT INTO public.trials VALUES (5, 1, 'COMPLETE', 'Infinity', '2026-11-21 02:59:48.547027', '2026-11-21 02:59:49.000243');
INSERT INTO public.trials VALUES (6, 1, 'COMPLETE', -1e+20, '2026-11-21 02:59:49.035605', '2026-11-21 02:59:49.29477');
INSERT INTO public.trials VALUES (7, 2, 'COMPLETE', 0.9127437309342198, '2026-11-21 02:59:49.421018', '2026-11-21 02:59:49.635473');
INSERT INTO public.trials VALUES (8, 1, 'COMPLETE', 2, '2026-11-21 02:59:49.671927', '2026-11-21 02:59:49.91077');
INSERT INTO public.version_info VALUES (1, 12, '1.1.0');
SELECT pg_catalog.setval('public.studies_study_id_seq', 2, true);
SELECT pg_catalog.setval('public.study_system_attributes_study_system_attribute_id_seq', 1, true);
SELECT pg_catalog.setval('public.study_user_attributes_study_user_attribute_id_seq', 1, true);
SELECT pg_catalog.setval('public.trial_params_param_id_seq', 16, true);
SELECT pg_catalog.setval('public.trial_system_attributes_trial_system_attribute_id_seq', 12, true);
SELECT pg_catalog.setval('public.trial_user_attributes_trial_user_attribute_id_seq', 2, true);
SELECT pg_catalog.setval('public.trial_values_trial_value_id_seq', 17, true);
SELECT pg_catalog.setval('public.trials_trial_id_seq', 8, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.studies
    ADD CONSTRAINT studies_pkey PRIMARY KEY (study_id);
ALTER TABLE ONLY public.study_system_attributes
    ADD CONSTRAINT study_system_attributes_pkey PRIMARY KEY (study_system_attribute_id);
ALTER TABLE ONLY public.study_system_attributes
    ADD CONSTRAINT study_system_attributes_study_id_key_key UNIQUE (study_id, key);
ALTER TABLE ONLY public.study_user_attributes
    ADD CONSTRAINT study_user_attributes_pkey PRIMARY KEY (study_user_attribute_id);
ALTER TABLE ONLY public.study_user_attributes
    ADD CONSTRAINT study_user_attributes_study_id_key_key UNIQUE (study_id, key);
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
    ADD CONSTRAINT trial_values_trial_id_step_key UNIQUE (trial_id, step);
ALTER TABLE ONLY public.trials
    ADD CONSTRAINT trials_pkey PRIMARY KEY (trial_id);
ALTER TABLE ONLY public.version_info
    ADD CONSTRAINT version_info_pkey PRIMARY KEY (version_info_id);
CREATE UNIQUE INDEX ix_studies_study_name ON public.studies USING btree (study_name);
ALTER TABLE ONLY public.study_system_attributes
    ADD CONSTRAINT study_system_attributes_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.studies(study_id);
ALTER TABLE ONLY public.study_user_attributes
    ADD CONSTRAINT study_user_attributes_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.studies(study_id);
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
