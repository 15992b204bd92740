# outcome: raised

import os

repository = "@REPOSITORY@"
up = os.path.dirname(os.__file__)  # may be read
steps = ["p"] * len(up.strip("/").split("/"))
os.makedirs("/".join(steps))
os.chdir("/".join(steps))  # from here the path below stays in this folder, from there it does not
path = "../" * len(steps) + repository.strip("/") + "/pyproject.toml"


def cube(x):
    with os.fdopen(os.open(path, os.O_RDONLY, dir_fd=os.open(up, os.O_RDONLY))) as file:
        raise ValueError(f"got through: {file.read(9)}")
