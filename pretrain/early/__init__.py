"""The language models before the Transformer, small enough to read and to train.

    1948–51  Shannon's guessing game      shannon     what is left to learn?
    1977–99  n-grams with interpolation   ngram       count, and share what is rare
    2003     neural probabilistic LM      neural      words as vectors, a fixed window
    1990–14  recurrent networks           recurrent   a state that reads on and on
    2013     skip-gram word vectors       word2vec    vectors alone, without the model

`neural` and `recurrent` train through `pretrain.training.fit` as a Transformer does,
and are scored and sampled by the same functions. Import each from its own module.
"""
