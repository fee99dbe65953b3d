"""Fetch what a configuration needs from the hub, once, where there is a network."""

from collections.abc import Callable

from prunegrid.data import hub
from prunegrid.plan import Plan


def download_all(plan: Plan, say: Callable[[str], None]) -> None:
    """Fetch the models and data sets of a plan into the hub cache, resuming and verifying.

    Raises
    ------
    DataError
        If one cannot be fetched.
    """
    for model in plan.config["models"]:
        spec = plan.config["model_specs"][model]
        if hub.is_hub_id(spec["path"]) and not plan.is_local(spec["path"]):
            say(f"{model}: {hub.download_model(spec['path'], spec.get('revision'))}")
        else:
            say(f"{model}: lies in {plan.model_path(model)}")
    for benchmark in plan.config["benchmarks"]:
        if plan.config["benchmark_specs"][benchmark]["path"] in plan.prepared:
            say(f"{benchmark}: is drawn here")
        else:
            folder = plan.adapter(benchmark).download()
            say(f"{benchmark}: {folder or plan.data_path(benchmark)}")
