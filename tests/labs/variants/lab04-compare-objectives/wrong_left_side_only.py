"""The right side is not scored."""


def candidate_answers(model, tokens, place, vocab_size):
    return model(tokens[None])[0, place - 1].log_softmax(-1)
