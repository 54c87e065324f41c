"""Experiments that hold a published trend against small models, with seeds.

    python -m pretrain.experiments                 what there is
    python -m pretrain.experiments masking-rate    run what is missing, print the table

`base` says what an experiment is, `claims` how a trend is judged, `running` trains and
resumes, `tables` reads and writes results; every other module is one experiment.
"""
