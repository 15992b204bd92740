# outcome: raised

%reset -f
