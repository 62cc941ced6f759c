import pickle
import re

import grpc
import pytest

from earwitness import errors
from earwitness.errors import EarwitnessError, Overloaded

CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, EarwitnessError)]


def test_the_modules_docstring_draws_every_class_with_its_status():
    drawn, status = {}, ""
    for name, code in re.findall(r"^ +[*+-] (\w+)(?: +([A-Z_]{5,}))?", errors.__doc__, re.MULTILINE):
        status = code or status
        drawn[name] = status
    assert drawn == {cls.__name__: cls.code for cls in CLASSES}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_has_one_status_that_grpc_knows(cls):
    assert isinstance(grpc.StatusCode[cls.code], grpc.StatusCode)
    assert grpc.StatusCode[cls.code] is not grpc.StatusCode.OK


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_survives_a_pickle(cls):
    error = cls("is late", "messages[0]", "hurry")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


def test_the_time_to_wait_survives_a_pickle():
    assert pickle.loads(pickle.dumps(Overloaded("full", retry_after_s=2.5))).retry_after_s == 2.5


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (EarwitnessError("is late"), "is late"),
        (EarwitnessError("is late", "train"), "train: is late"),
        (EarwitnessError("is late", remedy="hurry"), "is late (hurry)"),
        (EarwitnessError("is late", "train", "hurry"), "train: is late (hurry)"),
    ],
)
def test_an_error_reads_field_message_remedy(error, text):
    assert str(error) == text
