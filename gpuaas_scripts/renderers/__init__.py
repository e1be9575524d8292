"""Turns a plan into text. Pure: no file is read or written here."""

from .site import Rendered, render, user_data

__all__ = ["Rendered", "render", "user_data"]
