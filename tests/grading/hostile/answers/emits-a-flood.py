# outcome: tampered

from IPython.display import display
def cube(x):
    for k in range(300):
        payload = {"name": f"{k}", "value": "x" * 9999}
        display({"application/vnd.deqlab.value+json": payload}, raw=True)
    return x
