"""What answers the builder's tests over gRPC in the place of a language model."""

import json
import re

from earwitness.errors import Unavailable
from tests.serving import said


class Model:
    """Answers over gRPC as a language model would, the same to the same request; fails when it is told to."""

    def __init__(self, reply=None):
        self.requests = []
        self.failing = 0
        self.reply = reply or self.questions

    async def answer(self, request):
        if not request.messages:  # the server warms up
            return said("")
        self.requests.append(request)
        if self.failing:
            self.failing -= 1
            raise Unavailable("the replica is gone")
        return said(self.reply(request))

    def questions(self, request):
        prompt, seed = request.messages[0].content, request.sampling.seed
        number = int(re.search(r"Write (\d+)", prompt)[1])
        place = re.search(r"Subcategory: ([\w ]+):", prompt)[1]
        words = ["amber", "bronze", "copper", "daisy", "ebony", "falcon", "garnet", "hazel", "indigo", "jasper"]
        rows = [
            {
                "question": f"{words[(seed + at) % 10] * 3} of {place} beside {words[(seed // 7 + 3 * at) % 10] * 2}?",
                "answer": f"{seed} and {at}",
                "distractors": ["one", "two", "three"],
                "source": "a book",
            }
            for at in range(number)
        ]
        return f"Here you are:\n```json\n{json.dumps({'questions': rows})}\n```"
