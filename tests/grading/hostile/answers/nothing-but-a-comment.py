# outcome: raised

# no answer
