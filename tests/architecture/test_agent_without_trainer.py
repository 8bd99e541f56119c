import json
import subprocess
import sys

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import edge_agent
for module in pkgutil.walk_packages(edge_agent.__path__, "edge_agent."):
    importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

ONLY_IN_THE_TRAINER_OR_AN_EXTRA = {
    "jinja2",
    "keras",
    "matplotlib",
    "pandas",
    "pyarrow",
    "scipy",
    "tensorflow",
    "trainer",
}


def test_importing_all_of_the_agent_loads_nothing_of_the_trainer_or_an_extra() -> None:
    # Import contracts cannot see importlib; this sees whatever is loaded, however it was asked for.
    ran = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert not ONLY_IN_THE_TRAINER_OR_AN_EXTRA & set(json.loads(ran.stdout))
