# outcome: raised

shell = get_ipython()
shell.showtraceback = shell._showtraceback = lambda *a, **k: None
shell.set_custom_exc((Exception,), lambda *a, **k: None)
def cube(x):
    raise ValueError("unseen")
