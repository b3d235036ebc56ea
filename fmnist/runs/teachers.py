"""The runs that a training learns from."""

from fmnist.runs.config import TrainConfig
from fmnist.runs.run import Run, RunError
from fmnist.runs.store import find_run


def teachers_of(config: TrainConfig) -> list[Run]:
    """The runs that one of these settings learns from.

    Raises
    ------
    RunError
        If there is none of a name, or if it has seen images that the settings keep apart.
    """
    teachers = []
    for name in config.teachers:
        try:
            teacher = find_run(name)
        except RunError as error:
            raise RunError(f"The teacher {name!r} cannot be used: {error}") from error
        if teacher.config is None or teacher.state == "broken":
            raise RunError(f"The teacher {name!r} cannot be used, it is broken: {teacher.reason}")
        if not config.may_learn_from(teacher.config):
            raise RunError(
                f"The teacher {teacher.name!r} was trained under the {teacher.config.protocol} "
                f"protocol, with images that the {config.protocol} protocol holds out; choose "
                "another teacher, or its protocol."
            )
        teachers.append(teacher)
    return teachers
