# outcome: raised

def cube(x):
    with open("@FOLDER@/planted", "w") as file:
        file.write("mine")
