"""Storage on disks and in object stores: Arrow, Parquet, histories, folders written atomically."""
