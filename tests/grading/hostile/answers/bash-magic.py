# outcome: raised

get_ipython().run_cell_magic("bash", "", "cat /etc/passwd")
raise RuntimeError("no more")
