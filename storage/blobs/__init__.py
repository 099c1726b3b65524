"""Adapters of `models.blobs.BlobStore`: a folder of this machine, or an S3 service."""
