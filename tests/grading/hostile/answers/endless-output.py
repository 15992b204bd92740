# outcome: timed-out

def cube(x):
    while True: print('y' * 1000)
