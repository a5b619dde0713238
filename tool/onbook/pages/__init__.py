"""Pages for a browser, made of text that nobody trusts: all is escaped, and nothing is loaded from elsewhere."""

from onbook.pages.embed import embedded
from onbook.pages.links import safe_link
from onbook.pages.policy import policy
from onbook.pages.templating import asset, page, template

__all__ = ["asset", "embedded", "page", "policy", "safe_link", "template"]
