# outcome: timed-out | killed | out-of-memory | wrong | tampered

from IPython.display import display
def cube(x):
    while True:
        display({"text/plain": "x" * 1_000_000}, raw=True)
