# outcome: raised

%run @FOLDER@/sol00-toy.ipynb
raise RuntimeError("no more")
