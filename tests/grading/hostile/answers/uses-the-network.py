# outcome: raised

import urllib.request
urllib.request.urlopen('http://127.0.0.1:9')
def cube(x):
    return np.zeros_like(x)
