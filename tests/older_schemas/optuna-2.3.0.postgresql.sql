CREATE TYPE public.studydirection AS ENUM (
    'NOT_SET',
    'MINIMIZE',
    'MAXIMIZE'
);
CREATE TYPE public.trialstate AS ENUM (
    'RUNNING',
    'COMPLETE',
    'PRUNED',
    'FAIL',
    'WAITING'
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
    number integer,
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
INSERT INTO public.alembic_version VALUES ('v1.3.0.a');
INSERT INTO public.studies VALUES (1, 'first', 'MAXIMIZE');
INSERT INTO public.studies VALUES (2, 'second', 'MINIMIZE');
INSERT INTO public.study_system_attributes VALUES (1, 1, 'what', '{"a": [1]}');
INSERT INTO public.study_user_attributes VALUES (1, 1, 'who', '"me"');
INSERT INTO public.trial_params VALUES (1, 1, 'u', 0.4935705851620975, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (2, 1, 'l', 1.0022720481987234e-05, '{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (3, 1, 'd', 1, '{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO public.trial_params VALUES (4, 1, 'i', 6, '{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}');
INSERT INTO public.trial_params VALUES (5, 1, 'c', 3, '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO public.trial_params VALUES (6, 1, 'il', 21, '{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 64, "step": 1}}');
INSERT INTO public.trial_params VALUES (7, 1, 'is', 0, '{"name": "IntUniformDistribution", "attributes": {"low": 0, "high": 10, "step": 5}}');
INSERT INTO public.trial_params VALUES (8, 1, 'f', 0.7575356414218316, '{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (9, 2, 'u', -0.39578466472421003, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (10, 3, 'u', -0.5856479980849678, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (11, 4, 'u', -0.053287133555543376, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (12, 5, 'u', -0.7378442854895226, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (13, 5, 'l', 4.490590966368738e-05, '{"name": "LogUniformDistribution", "attributes": {"low": 1e-08, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (14, 5, 'd', 0, '{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}');
INSERT INTO public.trial_params VALUES (15, 5, 'i', 3, '{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}');
INSERT INTO public.trial_params VALUES (16, 5, 'c', 4, '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null, 3, 0.5, true]}}');
INSERT INTO public.trial_params VALUES (17, 5, 'il', 5, '{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 64, "step": 1}}');
INSERT INTO public.trial_params VALUES (18, 5, 'is', 10, '{"name": "IntUniformDistribution", "attributes": {"low": 0, "high": 10, "step": 5}}');
INSERT INTO public.trial_params VALUES (19, 5, 'f', 0.17250978270728612, '{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (20, 6, 'u', 0.747473506474247, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (21, 7, 'x', 0.25168952324117444, '{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}');
INSERT INTO public.trial_params VALUES (22, 8, 'u', -0.9502545492965053, '{"name": "UniformDistribution", "attributes": {"low": -1.0, "high": 1.0}}');
INSERT INTO public.trial_system_attributes VALUES (1, 1, 'of the system', '[0]');
INSERT INTO public.trial_system_attributes VALUES (2, 2, 'fail_reason', '"Trial 1 failed because of the following error: ValueError(''fails'')"');
INSERT INTO public.trial_system_attributes VALUES (3, 4, 'fail_reason', '"Trial 3 failed, because the objective function returned nan."');
INSERT INTO public.trial_system_attributes VALUES (4, 5, 'of the system', '[4]');
INSERT INTO public.trial_system_attributes VALUES (5, 9, 'fixed_params', '{"u": 0.5}');
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
INSERT INTO public.trials VALUES (1, 0, 1, 'COMPLETE', 0, '2026-11-21 02:59:53.467143', '2026-11-21 02:59:53.695581');
INSERT INTO public.trials VALUES (2, 1, 1, 'FAIL', NULL, '2026-11-21 02:59:53.787025', '2026-11-21 02:59:53.83272');
INSERT INTO public.trials VALUES (3, 2, 1, 'PRUNED', 0.30000000000000004, '2026-11-21 02:59:53.862962', '2026-11-21 02:59:53.900101');
INSERT INTO public.trials VALUES (4, 3, 1, 'FAIL', NULL, '2026-11-21 02:59:53.926929', '2026-11-21 02:59:53.994686');
INSERT INTO public.trials VALUES (5, 4, 1, 'COMPLETE', 'Infinity', '2026-11-21 02:59:54.017238', '2026-11-21 02:59:54.131896');
INSERT INTO public.trials VALUES (6, 5, 1, 'COMPLETE', -1e+20, '2026-11-21 02:59:54.227058', '2026-11-21 02:59:54.266494');
INSERT INTO public.trials VALUES (7, 0, 2, 'COMPLETE', 0.25168952324117444, '2026-11-21 02:59:54.445249', '2026-11-21 02:59:54.472481');
INSERT INTO public.trials VALUES (8, 6, 1, 'COMPLETE', 2, '2026-11-21 02:59:54.703672', '2026-11-21 02:59:54.758377');
INSERT INTO public.trials VALUES (9, 7, 1, 'WAITING', NULL, '2026-11-21 02:59:54.80294', NULL);
INSERT INTO public.version_info VALUES (1, 12, '2.3.0');
SELECT pg_catalog.setval('public.studies_study_id_seq', 2, true);
SELECT pg_catalog.setval('public.study_system_attributes_study_system_attribute_id_seq', 1, true);
SELECT pg_catalog.setval('public.study_user_attributes_study_user_attribute_id_seq', 1, true);
SELECT pg_catalog.setval('public.trial_params_param_id_seq', 22, true);
SELECT pg_catalog.setval('public.trial_system_attributes_trial_system_attribute_id_seq', 5, true);
SELECT pg_catalog.setval('public.trial_user_attributes_trial_user_attribute_id_seq', 2, true);
SELECT pg_catalog.setval('public.trial_values_trial_value_id_seq', 17, true);
SELECT pg_catalog.setval('public.trials_trial_id_seq', 9, true);
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
