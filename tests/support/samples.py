"""Sample prompts that several files of tests begin with."""

from __future__ import annotations

TRIAGE = """\
name: triage
model: openai/gpt-4.1-2025-04-14
templateFormat: jinja2
inputs:
  type: object
  required: [ticket]
  properties:
    ticket: {type: string}
messages:
  - role: user
    content: |
      Sort it.
      <ticket>{{ ticket }}</ticket>
"""

SUMMARIZER = """\
name: Text Summarizer
description: Summarizes input text concisely
model: openai/gpt-4o-mini
modelParameters:
  temperature: 0.5
messages:
  - role: system
    content: You are a text summarizer. Your only job is to summarize text given to you.
  - role: user
    content: |
      Summarize the given text, beginning with "Summary -":
      <text>
      {{input}}
      </text>
"""
"""The prompt of GitHub Models' own documentation, without its rows and evaluators."""
