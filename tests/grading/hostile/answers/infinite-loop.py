# outcome: timed-out

def cube(x):
    while True: pass
