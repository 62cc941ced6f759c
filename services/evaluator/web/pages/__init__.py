"""The pages, by address. Each is a function from what was asked to a reply, and knows no HTTP."""

from services.evaluator.web.page import AsyncView, LiveView, View
from services.evaluator.web.pages import compare, items, leaderboard, relation, sweep, training, verify

ROUTES: tuple[tuple[str, str, View | AsyncView | LiveView], ...] = (
    ("GET", "/", leaderboard.leaderboard),
    ("GET", "/compare", compare.comparison),
    ("GET", "/backbone", relation.backbone),
    ("GET", "/relation", relation.relation),
    ("GET", "/items", items.benchmarks),
    ("GET", "/items/{set}", items.listing),
    ("GET", "/items/{set}/item", items.item),
    ("GET", "/items/{set}/clip.wav", items.clip),
    ("GET", "/items/{set}/spectrogram.png", items.spectrogram),
    ("GET", "/sweep", sweep.sweep),
    ("GET", "/sweep/events", LiveView(stream=sweep.events)),
    ("POST", "/sweep/start", sweep.start),
    ("POST", "/sweep/stop", sweep.stop),
    ("POST", "/sweep/resume", sweep.resume),
    ("GET", "/training", training.training),
    ("GET", "/verify", verify.verify),
    ("GET", "/verify/adjudicate", verify.adjudicate),
    ("GET", "/verify/status", verify.status),
    ("POST", "/verify/annotator", verify.become),
    ("POST", "/verify/leave", verify.leave),
    ("POST", "/verify/judge", verify.judge),
)
