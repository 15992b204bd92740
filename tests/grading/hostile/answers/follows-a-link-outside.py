# outcome: raised

import os
def cube(x):
    os.symlink("@FOLDER@/sol00-toy.ipynb", "link")
    with open("link") as file:
        return file.read()
