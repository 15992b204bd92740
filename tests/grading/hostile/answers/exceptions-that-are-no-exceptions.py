# outcome: raised | killed

class Strange(BaseException):
    def __str__(self): raise Strange
    __repr__ = __str__
def cube(x):
    raise Strange
