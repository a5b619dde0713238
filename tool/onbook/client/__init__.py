"""What applications import: fetch a released prompt by its tag, verify it, keep it, call it.

    book = onbook.open("https://example.com/team/prompts.git", lock="onbook.lock")
    prompt = book.get("support/triage", "^1.4")
    answer = litellm.completion(**prompt.request(ticket="I was charged twice"))
    label = prompt.parse(answer.choices[0].message.content)

*Verified* means intact: the bytes are those that the tag lists. Whether the tag is the one that was meant is what the
lock file holds, and the signature where ``verify="signed"``.

What an application does with it stands in docs/client.md.

Its names are those of ``onbook`` itself, where each is imported when it is asked for.
"""
