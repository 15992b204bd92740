# outcome: timed-out

def cube(x):
    while True:
        try:
            while True: pass
        except BaseException:
            pass
