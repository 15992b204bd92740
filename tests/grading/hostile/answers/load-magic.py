# outcome: raised

text = get_ipython().find_user_code("@FOLDER@/sol00-toy.ipynb")
exec(text)
