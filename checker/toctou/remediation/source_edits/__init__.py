"""A remedy as a change of Python source: calls of boto3 with their keywords written out, their formatting kept."""
