"""From a study and a rule to the arrays that the kernels run on."""
