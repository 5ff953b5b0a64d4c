"""Every private name of Hydra, of OmegaConf and of launchers that this plugin uses.

A test imports each of them on the installed versions. ``seen`` are the versions on which the name was last verified to
have the expected meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

HYDRA = "hydra-core 1.3.2, 1.3.8 and 1.4.0rc3"
OMEGACONF = "omegaconf 2.3.0, 2.3.1 and 2.4.1rc1"


@dataclass(frozen=True)
class PrivateName:
    """A name without a stability guarantee of its library.

    Attributes:
        path: ``module:attribute``, the attribute possibly dotted; the last may be an attribute of instances.
        used_in: The module of this plugin that uses it.
        seen: The versions it was seen in.
        when_gone: What happens on a version without it.
        optional: Whether a version without it is supported, or its library need not be installed.
    """

    path: str
    used_in: str
    seen: str
    when_gone: str
    optional: bool = False


PRIVATE_NAMES = (
    PrivateName(
        "hydra._internal.grammar.grammar_functions:interval",
        "_hydra._extension",
        HYDRA,
        "Hydra's start fails; interval(log=, step=) has to be given in hydra.sweeper.params only.",
    ),
    PrivateName(
        "hydra._internal.grammar.grammar_functions:choice",
        "_hydra._extension",
        HYDRA,
        "Hydra's start fails; choice(null, …) has to be given in hydra.sweeper.params only.",
    ),
    PrivateName(
        "hydra.core.override_parser.overrides_parser:OverridesParser.parse_rule",
        "_hydra._extension",
        HYDRA,
        "Hydra's start fails; zip() has to be given in hydra.sweeper.params only.",
    ),
    *(
        PrivateName(
            f"hydra._internal.grammar.grammar_functions:cast_{kind}",
            "_hydra._overrides",
            HYDRA,
            "Sweeps cannot be read; the cast of one value has to be written here.",
        )
        for kind in ("int", "float", "str", "bool")
    ),
    PrivateName(
        "hydra.core.override_parser.overrides_parser:create_functions",
        "_hydra._overrides",
        HYDRA,
        "Sweeps cannot be read; the table of functions has to be built from grammar_functions.",
    ),
    PrivateName(
        "hydra._internal.grammar.utils:escape_special_characters",
        "_hydra._overrides",
        HYDRA,
        "Mappings cannot be written as values; the escaping of keys has to be written here.",
    ),
    PrivateName(
        "hydra.core.override_parser.types:Override._convert_value",
        "_hydra._overrides",
        HYDRA,
        "Sweeps cannot be read; quoted strings have to be unpacked here.",
    ),
    PrivateName(
        "hydra.core.override_parser.types:Override._value",
        "_hydra._overrides",
        HYDRA,
        "Sweeps cannot be read: Override.value() lists a sweep's values instead.",
    ),
    PrivateName(
        "hydra.core.utils:JobReturn._return_value",
        "_hydra._returns",
        HYDRA,
        "No job has a result; return_value has to be read, with the job's exceptions caught.",
    ),
    PrivateName(
        "omegaconf:DictConfig._set_parent",
        "_hydra._nodes",
        OMEGACONF,
        "params and search_space together cannot be read; one of them has to be used.",
    ),
    PrivateName(
        "omegaconf:Node._value",
        "_hydra._nodes",
        OMEGACONF,
        "The search space cannot be read unresolved; the sweep does not start.",
    ),
    PrivateName(
        "hydra.core.config_store:ConfigStore.repo",
        "_hydra._store",
        HYDRA,
        "hydra/sweeper=hpo is not found; the entries have to be stored with ConfigStore.store, which is slower.",
    ),
    PrivateName(
        "hydra._internal.config_loader_impl:ConfigLoaderImpl._apply_overrides_to_config",
        "_hydra._compose",
        HYDRA,
        "Hydra composes each job itself: slower, and the same result.",
        optional=True,
    ),
    PrivateName(
        "hydra._internal.config_loader_impl:ConfigLoaderImpl._ensure_sweep_config_controller_unchanged",
        "_hydra._compose",
        "hydra-core 1.4.0rc3 (1.3 has none)",
        "The check is left out, as on Hydra 1.3.",
        optional=True,
    ),
    PrivateName(
        "hydra._internal.config_loader_impl:get_overrides_dirname",
        "_hydra._compose",
        "hydra-core 1.3.2 and 1.3.8 (1.4 has none)",
        "hydra.job.override_dirname is left to its interpolation, as on Hydra 1.4.",
        optional=True,
    ),
    PrivateName(
        "hydra.core.plugins:Plugins.class_name_to_class",
        "_lanes._factory",
        HYDRA,
        "A subclass of BasicLauncher is not recognised as one; the sweep does not start.",
    ),
    PrivateName(
        "hydra.core.plugins:Plugins.instantiate_sweeper",
        "_hydra._extension",
        HYDRA,
        "Hydra's start fails; a setting that does not resolve has to be answered by Hydra's traceback.",
    ),
    PrivateName(
        "hydra.core.utils:JobReturn._return_value",
        "_lanes._base",
        HYDRA,
        "A job's exception is raised where its failure should be recorded.",
    ),
    PrivateName(
        "omegaconf:DictConfig._get_node",
        "_hydra._nodes, _hydra._compose",
        OMEGACONF,
        "The search space cannot be read unresolved; the sweep does not start.",
    ),
    PrivateName(
        "omegaconf:DictConfig._set_parent",
        "_config._settings",
        OMEGACONF,
        "Relative interpolations in `params` beside `search_space` cannot be resolved.",
    ),
    PrivateName(
        "submitit.core.core:Executor.map_array",
        "_hydra._submitit",
        "submitit 1.5",
        "Jobs of submitit cannot be cancelled: the second Ctrl-C waits for them.",
        optional=True,
    ),
    PrivateName(
        "submitit.core.core:Job.wait",
        "_hydra._submitit",
        "submitit 1.5",
        "Each lane asks the cluster for its job's state, all of them at once.",
        optional=True,
    ),
    PrivateName(
        "submitit.core.core:Job._results_timeout_s",
        "_hydra._submitit",
        "submitit 1.5",
        "A lane whose job was cancelled stays busy for a quarter of a minute.",
        optional=True,
    ),
    PrivateName(
        "submitit.auto.auto:AutoExecutor._executor",
        "_hydra._submitit",
        "submitit 1.5",
        "Jobs have no comment: a job whose sweep was killed before it noted the job's id runs again.",
        optional=True,
    ),
    PrivateName(
        "submitit.core.job_environment:SignalHandler.checkpoint_and_try_requeue",
        "_hydra._requeue",
        "submitit 1.5",
        "A job that submitit puts into the queue again counts as one that called sys.exit.",
        optional=True,
    ),
    PrivateName(
        "hydra_plugins.hydra_ray_launcher._core:launch_job_on_ray",
        "_hydra._cancel",
        "hydra-ray-launcher 1.2",
        "Tasks of Ray cannot be cancelled: the second Ctrl-C waits for them.",
        optional=True,
    ),
    PrivateName(
        "hydra_plugins.hydra_ray_launcher._launcher_util:start_ray",
        "_lanes._factory",
        "hydra-ray-launcher 1.2",
        "The first jobs of a sweep over Ray may start several clusters.",
        optional=True,
    ),
)
