"""Tests of result documents."""
