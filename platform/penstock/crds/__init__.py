"""The kinds as CustomResourceDefinitions, made from the pydantic models; nothing here is written by hand."""

from penstock.crds.definition import crd
from penstock.crds.files import drift, render, write
from penstock.crds.lint import lint

__all__ = ["crd", "drift", "lint", "render", "write"]
