# outcome: raised

import multiprocessing
pool = multiprocessing.get_context("fork").Pool(4)
