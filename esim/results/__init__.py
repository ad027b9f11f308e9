"""What each analysis found, as records and as documents. Computes nothing."""
