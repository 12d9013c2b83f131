"""Where handlers meet DynamoDB: the intercepted boto3 client, and the backends behind it."""
