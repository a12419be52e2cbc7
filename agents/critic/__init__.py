"""The critic: reads a motion back into what was done and compares that with what a brief asks for; it knows no planner."""

from __future__ import annotations

from agents.critic.findings import IntentFound as IntentFound
from agents.critic.findings import Measured as Measured
from agents.critic.findings import Review as Review
from agents.critic.reviewing import review as review
