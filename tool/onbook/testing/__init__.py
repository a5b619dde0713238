"""Tests of prompts: assertions, recordings, models and the runner."""
