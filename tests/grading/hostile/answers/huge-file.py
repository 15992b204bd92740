# outcome: raised | killed | timed-out | wrong | tampered

def cube(x):
    with open("big", "wb") as file:
        for _ in range(200):
            file.write(bytes(10**6))
    return x
