"""Sessions that are made while requests run share what botocore reads of its descriptions."""

from __future__ import annotations

import boto3
import botocore.session
import pytest
from botocore.loaders import JSONFileLoader

from toctou.client.environment import client_environment
from toctou.client.service_descriptions import preload, shared_loader


@pytest.fixture
def read(monkeypatch):
    """The files that are read."""
    files: list[str] = []
    load = JSONFileLoader.load_file

    def noted(loader, file):
        found = load(loader, file)
        if found is not None:
            files.append(file)
        return found

    monkeypatch.setattr(JSONFileLoader, "load_file", noted)
    shared_loader.cache_clear()
    return files


def make() -> None:
    session = boto3.Session(region_name="us-east-1")
    session.client("dynamodb").get_paginator("query")
    session.client("dynamodb").get_waiter("table_exists")
    session.resource("dynamodb").Table("Notes")


def test_a_second_session_reads_nothing(read):
    with client_environment():
        make()
        assert read
        read.clear()
        make()
    assert read == []


def test_what_processes_need_is_read_before_they_are_forked(read):
    preload.cache_clear()
    preload()
    assert read
    read.clear()
    with client_environment():
        session = boto3.Session(region_name="eu-west-1")
        session.client("dynamodb")
        session.resource("dynamodb").Table("Notes")
    assert read == []


def test_outside_each_reads_for_itself(read):
    before = botocore.session.create_loader
    with client_environment():
        assert botocore.session.create_loader is not before
    assert botocore.session.create_loader is before
    make()
    read.clear()
    make()
    assert read


def test_the_folders_do_not_become_more(read):
    with client_environment():
        make()
        folders = list(shared_loader().search_paths)
        make()
        assert shared_loader().search_paths == folders


def test_another_folder_of_descriptions_is_another_loader(read, tmp_path):
    assert str(tmp_path) in shared_loader(str(tmp_path)).search_paths
    assert str(tmp_path) not in shared_loader().search_paths
