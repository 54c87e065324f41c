"""A formula that fails at rate 1."""

import math


def tokens_needed(rate, most):
    return math.ceil(math.log(most) / math.log(1 - rate))
